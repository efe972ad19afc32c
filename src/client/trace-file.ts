import { readTraceLine } from '../core/trace/trace-line.ts';
import { traceOrder } from '../core/trace/trace-order.ts';
import type { ApprovalRow, CommentRow, ExchangeRow, LogBookmarkRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { BlobRow, CommandRow, LogRow, RunRow, SnapshotRow, StepRow } from '../protocol/rows.ts';
import { documentLists } from '../protocol/trace.ts';
import type { Trace, TraceTable } from '../protocol/trace.ts';
import type { StepSnapshot } from './backend.ts';
import { assembleSnapshot, hashesOf } from './snapshots.ts';
import { fileLines, lineHash, lineText } from './trace/file-lines.ts';
import type { FileLine } from './trace/file-lines.ts';
import { openSource } from './trace/source-file.ts';
import type { SourceFile } from './trace/source-file.ts';
import { isTraceDocument, readDocument } from './trace/trace-document.ts';
import { traceLine } from './trace/trace-line.ts';

/**
 * A recorded run in a file, of any version. Steps are kept; logs, states and exchanges are read from the file when
 * they are asked for, so that a large run takes little memory.
 */
export interface TraceReader {
  readonly version: number;
  /** ISO 8601. */
  readonly exportedAt: string;
  readonly run: RunRow;
  /** By `ordinal`, then attempt. */
  steps(): Promise<readonly StepRow[]>;
  /** In the order of the run. */
  logs(options?: { readonly afterSeq?: number | undefined }): AsyncIterable<LogRow>;
  /** Of the latest attempt when none is given; undefined when there is none. */
  snapshot(stepKey: string, attempt?: number): Promise<StepSnapshot | undefined>;
  /** Every stored content by its hash: large bodies of exchanges lie there too. */
  blob(hash: string): Promise<BlobRow | undefined>;
  commands(): Promise<readonly CommandRow[]>;
  /** What the run said to the outside world, in the order in which it began. */
  exchanges(): AsyncIterable<ExchangeRow>;
  approvals(): Promise<readonly ApprovalRow[]>;
  comments(): Promise<readonly CommentRow[]>;
  /** In the order of the log. */
  logBookmarks(): Promise<readonly LogBookmarkRow[]>;
  close(): Promise<void>;
}

/**
 * Opens a trace and checks all of it: nothing is missing and nothing was changed. Also one that is packed with gzip.
 *
 * @throws UserError `not-found`, `usage` or `too-large`, with the line that is wrong.
 */
export async function openTraceFile(path: string): Promise<TraceReader> {
  const source = await openSource(path);
  try {
    if (await isTraceDocument(source)) return overDocument(await readDocument(source), source);
    return await overLines(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Where a row stands in the file. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly number: number;
}

/** Log rows from one known place to the next. */
const SPARSE = 1_000;

async function overLines(source: SourceFile): Promise<TraceReader> {
  const order = traceOrder();
  const hash = lineHash();
  const steps: StepRow[] = [];
  const snapshots = new Map<string, Place>();
  const latest = new Map<string, number>();
  const blobs = new Map<string, Place>();
  const spans = new Map<string, { from: number; to: number; number: number }>();
  const logPlaces: { readonly seq: number; readonly from: number; readonly number: number }[] = [];
  let head: { readonly exportedAt: string; readonly version: number } | undefined;
  let run: RunRow | undefined;
  let logs = 0;
  let last = 0;

  const note = (table: string, row: JsonObject, place: Place): void => {
    const span = spans.get(table);
    if (span === undefined) spans.set(table, { ...place });
    else span.to = place.to;
    if (table === 'test_execution_runs') run = row as RunRow;
    else if (table === 'test_execution_steps') steps.push(row as StepRow);
    else if (table === 'snapshot_blobs') blobs.set((row as BlobRow).hash, place);
    else if (table === 'test_execution_snapshots') {
      const { step_key, attempt } = row as SnapshotRow;
      snapshots.set(keyOf(step_key, attempt), place);
      latest.set(step_key, Math.max(attempt, latest.get(step_key) ?? 0));
    } else if (table === 'test_execution_logs' && logs++ % SPARSE === 0) {
      logPlaces.push({ seq: (row as LogRow).seq, from: place.from, number: place.number });
    }
  };

  for await (const lines of fileLines(source.read())) {
    for (const line of lines) {
      const read = traceLine(line);
      order.take(read, line.number);
      if (read.kind !== 'end') hash.add(line);
      if (read.kind === 'header') head = read.header;
      if (read.kind === 'row') note(read.table, read.row, { from: line.offset, to: line.offset + line.bytes.length, number: line.number });
      last = line.number;
    }
  }
  order.finish(last, hash.digest());

  const rowsOf = async function* <Row>(table: TraceTable, from?: { readonly from: number; readonly number: number }): AsyncGenerator<Row> {
    const span = spans.get(table);
    if (span === undefined) return;
    const start = from ?? span;
    for await (const lines of fileLines(source.read(start.from, span.to), { number: start.number - 1, offset: start.from })) {
      for (const line of lines) {
        const read = rowAt(line);
        if (read.table === table) yield read.row as Row;
      }
    }
  };
  const rowIn = async <Row>(place: Place | undefined): Promise<Row | undefined> => {
    if (place === undefined) return undefined;
    for await (const [line] of fileLines(source.read(place.from, place.to), { number: place.number - 1 })) return rowAt(line!).row as Row;
    return undefined;
  };

  return {
    version: head!.version,
    exportedAt: head!.exportedAt,
    run: run!,
    steps: async () => inOrder(steps),
    logs: async function* ({ afterSeq = -1 } = {}) {
      const start = logPlaces.findLast(({ seq }) => seq <= afterSeq);
      for await (const row of rowsOf<LogRow>('test_execution_logs', start)) if (row.seq > afterSeq) yield row;
    },
    snapshot: async (stepKey, attempt = latest.get(stepKey)) => {
      const row = await rowIn<SnapshotRow>(snapshots.get(keyOf(stepKey, attempt ?? 0)));
      if (row === undefined) return undefined;
      const found: BlobRow[] = [];
      for (const name of hashesOf(row)) {
        const blob = await rowIn<BlobRow>(blobs.get(name));
        if (blob !== undefined) found.push(blob);
      }
      return await assembleSnapshot(row, found);
    },
    blob: async (name) => await rowIn<BlobRow>(blobs.get(name)),
    commands: async () => await all(rowsOf<CommandRow>('test_execution_commands')),
    exchanges: () => rowsOf<ExchangeRow>('recorded_exchanges'),
    approvals: async () => await all(rowsOf<ApprovalRow>('approvals')),
    comments: async () => await all(rowsOf<CommentRow>('comments')),
    logBookmarks: async () => (await all(rowsOf<LogBookmarkRow>('log_bookmarks'))).toSorted((a, b) => a.seq - b.seq),
    close: () => source.close(),
  };
}

/** A row of a file that was read before: it changed under us when it is none now. */
function rowAt(line: FileLine): { readonly table: string; readonly row: JsonObject } {
  const read = readTraceLine(lineText(line), line.number);
  if (read.kind !== 'row') throw new UserError('usage', `the trace was changed while it was read (line ${line.number})`);
  return read;
}

function overDocument(trace: Trace, source: SourceFile): TraceReader {
  const { run, exportedAt, version, snapshots, blobs } = trace;
  return {
    version,
    exportedAt,
    run,
    steps: async () => inOrder(trace.steps),
    logs: async function* ({ afterSeq = -1 } = {}) {
      yield* trace.logs.filter((row) => row.seq > afterSeq);
    },
    snapshot: async (stepKey, attempt) => {
      const ofStep = snapshots.filter((row) => row.step_key === stepKey).toSorted((a, b) => a.attempt - b.attempt);
      const row = attempt === undefined ? ofStep.at(-1) : ofStep.find((one) => one.attempt === attempt);
      if (row === undefined) return undefined;
      const names = new Set(hashesOf(row));
      return await assembleSnapshot(
        row,
        blobs.filter((blob) => names.has(blob.hash)),
      );
    },
    blob: async (hash) => blobs.find((blob) => blob.hash === hash),
    commands: async () => trace.commands,
    exchanges: async function* () {
      yield* trace[documentLists.recorded_exchanges] ?? [];
    },
    approvals: async () => trace.approvals ?? [],
    comments: async () => trace.comments ?? [],
    logBookmarks: async () => (trace.logBookmarks ?? []).toSorted((a, b) => a.seq - b.seq),
    close: () => source.close(),
  };
}

const keyOf = (stepKey: string, attempt: number): string => `${attempt} ${stepKey}`;

const inOrder = (steps: readonly StepRow[]): readonly StepRow[] => steps.toSorted((a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt);

async function all<Row>(rows: AsyncIterable<Row>): Promise<readonly Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}
