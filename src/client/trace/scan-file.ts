import { createHash } from 'node:crypto';
import { factLists, type FactLists } from '../../core/log-columns.ts';
import { traceOrder } from '../../core/trace/trace-order.ts';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { TraceHeader } from '../../protocol/trace.ts';
import { isLogRow, logFacts, traceFacts, type FactReader } from '../log-lines/line-facts.ts';
import { traceLine } from './trace-line.ts';

/** A row that is no log line, and where it stands. */
export interface ScannedRow {
  readonly table: string;
  /** Whole of the tables that a screen shows at once, of others what finds them again. */
  readonly row: JsonObject;
  readonly from: number;
  readonly to: number;
  readonly number: number;
}

/** What was found since the report before. */
export interface ScanReport {
  readonly header: TraceHeader | undefined;
  readonly rows: readonly ScannedRow[];
  /** Facts of the log lines; `steps` are the keys of those that are new, by number. */
  readonly facts: FactLists;
  readonly count: number;
  readonly steps: readonly string[];
  /** Bytes and lines of the file so far. */
  readonly bytes: number;
  readonly lines: number;
  /** Lines that are no JSON object; they are shown as they are. */
  readonly unread: number;
}

export type ScanKind = { readonly kind: 'trace' } | { readonly kind: 'log'; readonly firstSeq: number; readonly nowMs: number };

/** Follows the bytes of a file, in any pieces. */
export interface FileScan {
  /** Takes the next bytes, which may be overwritten afterwards. Throws UserError that names a line. */
  take(bytes: Uint8Array): void;
  /** After the last bytes. Throws for a trace that is cut off, or was changed. */
  finish(): void;
  /** What is to be told, when there is anything and it is a whole lot, or `now`. */
  report(now: boolean): ScanReport | undefined;
}

/** Lines whose facts are handed over together. */
const LOT = 16_384;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const NOTHING = new Uint8Array(0);

/** Reads a trace or a log of JSON lines from its beginning, once, keeping nothing but what it reports. */
export function scanFile(kind: ScanKind): FileScan {
  const order = traceOrder();
  const sum = checksum();
  let reader: FactReader | undefined = kind.kind === 'log' ? logFacts(kind.firstSeq, kind.nowMs) : undefined;
  let newHeader: TraceHeader | undefined;
  let facts = factLists(LOT);
  let lots: FactLists[] = [];
  let count = 0;
  let rows: ScannedRow[] = [];
  let toldSteps = 0;
  /** Where the next line begins, and the part of it that came already. */
  let offset = 0;
  let carried: Uint8Array = NOTHING;
  let number = 0;
  let unread = 0;
  let lastSeq = -1;

  const logRow: Parameters<typeof order.take>[0] = { kind: 'row', table: 'test_execution_logs', row: {} };

  const note = (at: number, bytes: number): void => {
    facts.offset[count] = at;
    facts.bytes[count] = bytes;
    count += 1;
    if (count === LOT) {
      lots.push(facts);
      facts = factLists(LOT);
      count = 0;
    }
  };

  const logLine = (at: number, bytes: number): void => {
    order.take(logRow, number);
    const seq = facts.seq[count]!;
    if (seq <= lastSeq) throw new UserError('usage', `line ${number} stands out of order`);
    lastSeq = seq;
    note(at, bytes);
  };

  const traceRow = (bytes: Uint8Array, from: number, to: number, at: number, isEnded: boolean): void => {
    if (reader && isLogRow(bytes, from, to) && reader.read(bytes, from, to, facts, count)) return logLine(at, to - from);
    const read = traceLine({ number, offset: at, bytes: bytes.subarray(from, to), isEnded });
    // Spaced as others write it, or in another order.
    if (read.kind === 'row' && read.table === 'test_execution_logs' && reader) {
      const own = Buffer.from(JSON.stringify({ table: read.table, row: read.row }));
      if (reader.read(own, 0, own.length, facts, count)) return logLine(at, to - from);
    }
    order.take(read, number);
    if (read.kind === 'header') {
      newHeader = read.header;
      reader = traceFacts(read.header.run_id);
    }
    if (read.kind === 'row') rows.push({ table: read.table, row: kept(read.table, read.row), from: at, to: at + to - from, number });
  };

  const line = (bytes: Uint8Array, from: number, to: number, at: number, isEnded: boolean): void => {
    number += 1;
    if (to === from) return;
    if (kind.kind === 'trace') return traceRow(bytes, from, to, at, isEnded);
    const end = bytes[to - 1] === RETURN ? to - 1 : to;
    if (end === from) return;
    if (!reader!.read(bytes, from, end, facts, count)) unread += 1;
    note(at, end - from);
  };

  const carry = (bytes: Uint8Array): void => {
    if (carried.length + bytes.length > limits.traceLineBytes) throw new UserError('too-large', `line ${number + 1} is longer than ${limits.traceLineBytes} bytes`, { hint: 'Is it text, with a line for each record?' });
    carried = Buffer.concat([carried, bytes]);
  };

  return {
    take(bytes) {
      if (kind.kind === 'trace') sum.take(bytes);
      let from = 0;
      if (carried.length > 0) {
        const end = bytes.indexOf(NEWLINE);
        if (end === -1) return carry(bytes);
        carry(bytes.subarray(0, end));
        const whole = carried;
        carried = NOTHING;
        line(whole, 0, whole.length, offset, true);
        offset += whole.length + 1;
        from = end + 1;
      }
      for (let to = bytes.indexOf(NEWLINE, from); to !== -1; to = bytes.indexOf(NEWLINE, from)) {
        line(bytes, from, to, offset, true);
        offset += to + 1 - from;
        from = to + 1;
      }
      if (from < bytes.length) carry(bytes.subarray(from));
    },
    finish() {
      if (carried.length > 0) {
        line(carried, 0, carried.length, offset, false);
        offset += carried.length;
        carried = NOTHING;
      }
      if (kind.kind === 'trace') order.finish(number, sum.digest());
      else if (number === 0) throw new UserError('usage', 'the file has no line with anything in it');
    },
    report(now) {
      const all = lots.length * LOT + count;
      if (lots.length === 0 && !now) return undefined;
      if (now && count > 0) lots.push(facts);
      const told = lots.length === 1 ? lots[0]! : joined(lots);
      const report: ScanReport = {
        header: newHeader, rows, facts: told, count: now ? all : lots.length * LOT, steps: reader?.steps.slice(toldSteps) ?? [],
        bytes: offset, lines: number, unread,
      };
      toldSteps = reader?.steps.length ?? 0;
      newHeader = undefined;
      rows = [];
      lots = [];
      if (now && count > 0) {
        facts = factLists(LOT);
        count = 0;
      }
      return report;
    },
  };
}

const wholeTables: ReadonlySet<string> = new Set(['test_execution_runs', 'test_execution_steps', 'test_execution_commands']);

function kept(table: string, row: JsonObject): JsonObject {
  if (wholeTables.has(table)) return row;
  const known = ['hash', 'step_key', 'attempt'].filter((name) => Object.hasOwn(row, name));
  return Object.fromEntries(known.map((name) => [name, row[name]!]));
}

function joined(lots: readonly FactLists[]): FactLists {
  const whole = factLists(lots.length * LOT);
  for (const [at, lot] of lots.entries()) for (const name of Object.keys(whole) as (keyof FactLists)[]) whole[name].set(lot[name], at * LOT);
  return whole;
}

/** The checksum of all lines before the last, which holds it: bytes are added as they come, and the last line is held back. */
function checksum(): { take(bytes: Uint8Array): void; digest(): string } {
  const hash = createHash('sha256');
  let held: Uint8Array = NOTHING;
  return {
    take(bytes) {
      // The last line begins after the last newline that is not the very last byte.
      const start = bytes.lastIndexOf(NEWLINE, bytes.length - 2) + 1;
      if (start === 0 && (held.length === 0 || held[held.length - 1] !== NEWLINE)) {
        held = Buffer.concat([held, bytes]);
        return;
      }
      hash.update(held);
      hash.update(bytes.subarray(0, start));
      held = Uint8Array.prototype.slice.call(bytes, start);
    },
    digest: () => hash.digest('hex'),
  };
}
