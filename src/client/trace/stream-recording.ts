import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { constants, gunzipSync } from 'node:zlib';
import { blankLog, blankRun, type ImportContext } from '../../core/import/blank-rows.ts';
import { looksLikeLog } from '../../core/import/jsonl.ts';
import { looksLikeTranscript } from '../../core/import/transcript.ts';
import { jsonTextProblem } from '../../core/json-limits.ts';
import { levelRank } from '../../core/levels.ts';
import { logColumns } from '../../core/log-columns.ts';
import type { LogLines, Reading } from '../../core/log-lines.ts';
import { readTraceLine } from '../../core/trace/trace-line.ts';
import { isObject } from '../../core/value-tags.ts';
import type { RunChange } from '../../protocol/change.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import type { CommandRow, LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import { LogLevel } from '../../protocol/vocabulary.ts';
import type { Unsubscribe } from '../backend.ts';
import { openNameless } from '../log-lines/byte-log.ts';
import { columnLines } from '../log-lines/column-lines.ts';
import { fileBytes } from '../log-lines/file-bytes.ts';
import { logPlaces, tracePlaces } from '../log-lines/text-places.ts';
import type { TraceReader } from '../trace-file.ts';
import { logRowOf } from './read-logs.ts';
import { uuidOf } from './recording.ts';
import type { ScanKind, ScanReport } from './scan-file.ts';
import type { ScanMessage, ScanWorkerData } from './scan-worker.ts';
import { traceIndex } from './trace-index.ts';

/** A recording that is shown while it is read. */
export interface StreamedRecording {
  /** Where it asks for what stands further on in the file it waits. */
  readonly reader: TraceReader;
  readonly lines: LogLines;
  /** Tells what is known, and then what is found: rows that are no log lines, and how far it has come. */
  follow(onFound: (changes: readonly RunChange[], reading: Reading) => void): Unsubscribe;
}

const HEAD_BYTES = 64 * 1024;
/** The first number of a run is that of the run itself. */
const FIRST_SEQ = 2;

/**
 * Opens a trace of version 2, or a log with one JSON object a line, also packed with gzip: its beginning is read, and the
 * rest goes on in a thread. Undefined for a file of another kind.
 *
 * @param now ISO 8601: the time of log lines before the first that has one.
 * @throws UserError for what is wrong with the beginning, and `not-found` where there is no file.
 */
export async function streamRecording(path: string, now: string): Promise<StreamedRecording | undefined> {
  const descriptor = opened(path);
  try {
    const head = headOf(descriptor);
    const kind = kindOf(head, now);
    if (!kind) {
      closeSync(descriptor);
      return undefined;
    }
    return await streamed(path, descriptor, isPacked(head) ? openNameless(tmpdir()) : undefined, kind, now);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

async function streamed(path: string, descriptor: number, unpackTo: number | undefined, kind: ScanKind, now: string): Promise<StreamedRecording> {
  const { size, mtimeMs } = statSync(path);
  const bytes = fileBytes(unpackTo ?? descriptor);
  const columns = logColumns();
  const runId = uuidOf(`jsonl ${path} ${size} ${mtimeMs}`);
  const context: ImportContext = { runId, idOf: (what) => `${runId} ${what}`, now, name: basename(path) };
  const ofLog = (text: string, at: number): LogRow => rowOfLog(text, at, { ...context, now: new Date(columns.time(at)).toISOString() });
  const lines = growing(columns, kind.kind === 'trace' ? columnLines(columns, bytes, traceRow, tracePlaces()) : columnLines(columns, bytes, ofLog, logPlaces()));
  const worker = startWorker({ descriptor, unpackTo, kind });
  const index = traceIndex({ read: (from, to) => pieces(bytes, from ?? 0, to ?? size), close: () => Promise.resolve() });
  const whole = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const listeners = new Set<(changes: readonly RunChange[], reading: Reading) => void>();
  const levels = LogLevel.options.map(() => 0);
  let changes: RunChange[] = [];
  let head: { readonly version: number; readonly exportedAt: string } = { version: 2, exportedAt: now };
  let run: RunRow | undefined = kind.kind === 'log' ? blankRun(context, { id: runId, pipeline_key: 'log', seq: 1 }) : undefined;
  let reading: Reading = { part: 0, isWhole: false, problem: undefined };
  let unread = 0;
  let isClosed = false;

  const tell = (fresh: readonly RunChange[]): void => {
    changes.push(...fresh);
    for (const listener of listeners) listener(fresh, reading);
  };
  const found = (report: ScanReport): void => {
    const fresh: RunChange[] = [];
    if (report.header) head = report.header;
    for (const { table, row, from, to, number } of report.rows) {
      index.note(table, row, { from, to, number });
      if (table === 'test_execution_runs') run = row as RunRow;
      const isShown = table === 'test_execution_runs' || table === 'test_execution_steps' || table === 'test_execution_commands';
      if (isShown) fresh.push({ table, row: row as RunRow & StepRow & CommandRow } as RunChange);
    }
    for (const key of report.steps) columns.stepNumber(key);
    columns.pushAll(report.facts, report.count);
    for (let at = 0; at < report.count; at += 1) levels[report.facts.level[at]!]! += 1;
    unread = report.unread;
    reading = { ...reading, part: unpackTo === undefined ? Math.min(1, report.bytes / size) : undefined };
    tell(fresh);
    if (run) begun.resolve();
  };
  const ended = (problem: string | undefined): void => {
    void worker.terminate();
    const words = problem ?? (unread > 0 ? notJson(unread) : undefined);
    reading = { part: 1, isWhole: true, problem: words };
    if (kind.kind === 'log') run = endOfLog(run!, lines, levels);
    tell(kind.kind === 'log' ? [{ table: 'test_execution_runs', row: run! }] : []);
    whole.resolve();
  };

  worker.on('message', (message: ScanMessage) => {
    if (isClosed) return;
    if (message.type === 'found') return found(message);
    if (message.type === 'ended') return ended(undefined);
    if (!run) return begun.reject(new UserError(message.code, message.message, { hint: message.hint }));
    return ended(message.message);
  });
  worker.on('error', (error) => {
    begun.reject(error);
    if (run) ended(`reading has failed: ${error.message}`);
  });

  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    listeners.clear();
    await worker.terminate();
    whole.resolve();
    closeSync(descriptor);
    if (unpackTo !== undefined) closeSync(unpackTo);
  };
  try {
    await begun.promise;
  } catch (error) {
    // Whoever opened the file closes it.
    isClosed = true;
    await worker.terminate();
    if (unpackTo !== undefined) closeSync(unpackTo);
    throw error;
  }

  const reader: TraceReader = {
    ...index.reader({ ...head, run: run! }, whole.promise),
    logs: async function* ({ afterSeq = -1 } = {}) {
      await whole.promise;
      for (let at = 0; at < lines.length; at += 1) {
        if (lines.seqAt(at) > afterSeq) yield lines.at(at);
        if (at % LINES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    },
    close,
  };
  return {
    reader,
    lines,
    follow(onFound) {
      listeners.add(onFound);
      onFound([...(kind.kind === 'log' ? [{ table: 'test_execution_runs', row: run! } as const] : []), ...changes], reading);
      return () => void listeners.delete(onFound);
    },
  };
}

const notJson = (count: number): string => `${count.toLocaleString('en-US')} of its lines ${count === 1 ? 'is no JSON, and is shown as it is' : 'are no JSON, and are shown as they are'}`;

/** Rows that are read before others have their turn. */
const LINES_A_TURN = 1_000;

function startWorker(workerData: ScanWorkerData): Worker {
  return new Worker(new URL(import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js', import.meta.url), { workerData, execArgv: [], name: 'stepscope-scan' });
}

function growing(columns: ReturnType<typeof logColumns>, lines: ReturnType<typeof columnLines>): LogLines {
  return {
    ...lines,
    first: 0,
    edition: 0,
    get length() {
      return columns.length;
    },
    intactBelow: () => columns.length,
    // What comes stands in the file already.
    append: () => 0,
  };
}

function traceRow(text: string): LogRow {
  const read = readTraceLine(text, 1);
  if (read.kind !== 'row') throw new Error('the file was changed while it was read');
  return read.row as LogRow;
}

/** What is kept of a line that is no JSON. */
const RAW_LENGTH = 16 * 1024;

function rowOfLog(text: string, index: number, context: ImportContext): LogRow {
  const seq = index + FIRST_SEQ;
  const row = jsonTextProblem(text) === undefined ? logRowOf(text, seq, context) : 'no JSON';
  return typeof row === 'string' ? blankLog(context, { seq, message: text.slice(0, RAW_LENGTH) }) : row;
}

/** The run of a log that has been read: from its first line to its last. */
function endOfLog(run: RunRow, lines: LogLines, levels: readonly number[]): RunRow {
  if (lines.length === 0) return run;
  const [from, to] = [lines.timeAt(0), lines.timeAt(lines.length - 1)];
  const counts = Object.fromEntries(LogLevel.options.flatMap((level) => (levels[levelRank(level)]! > 0 ? [[level, levels[levelRank(level)]!]] : [])));
  return {
    ...run, log_counts: counts, started_at: new Date(from).toISOString(), completed_at: new Date(to).toISOString(), total_duration_ms: Math.max(0, to - from),
    seq: lines.length + FIRST_SEQ,
  };
}

function opened(path: string): number {
  try {
    if (!statSync(path).isFile()) throw new UserError('usage', `${path} is not a file`);
    return openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw code === 'ENOENT' ? new UserError('not-found', `no file ${path}`, { cause }) : new UserError('usage', `cannot read ${path}: ${message}`, { cause });
  }
}

function headOf(descriptor: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0));
}

const isPacked = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

/** By its first line with anything in it; undefined for what is read in another way, or not at all. */
function kindOf(head: Buffer, now: string): ScanKind | undefined {
  let text;
  try {
    text = (isPacked(head) ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 64 * HEAD_BYTES }) : head).toString('utf8');
  } catch {
    return undefined;
  }
  const first = parsed(text.split('\n').find((line) => line.trim() !== '') ?? '');
  if (!isObject(first)) return undefined;
  if (first['stepscope'] === 'trace') return first['version'] === 1 ? undefined : { kind: 'trace' };
  if ('resourceSpans' in first || 'resourceLogs' in first || looksLikeTranscript(first) || !looksLikeLog(first)) return undefined;
  return { kind: 'log', firstSeq: FIRST_SEQ, nowMs: Date.parse(now) };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

async function* pieces(read: (offset: number, bytes: number) => Buffer, from: number, to: number): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to;) {
    const some = read(at, Math.min(HEAD_BYTES * 4, to - at));
    if (some.length === 0) return;
    at += some.length;
    yield some;
  }
}
