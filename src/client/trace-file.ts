import { traceOrder } from '../core/trace/trace-order.ts';
import type { ApprovalRow, CommentRow, ExchangeRow, LogBookmarkRow } from '../protocol/debug-rows.ts';
import type { BlobRow, CommandRow, LogRow, RunRow, StepRow } from '../protocol/rows.ts';
import { documentLists } from '../protocol/trace.ts';
import type { Trace } from '../protocol/trace.ts';
import type { StepSnapshot } from './backend.ts';
import { assembleSnapshot, hashesOf } from './snapshots.ts';
import { fileLines, lineHash } from './trace/file-lines.ts';
import { openSource } from './trace/source-file.ts';
import type { SourceFile } from './trace/source-file.ts';
import { isTraceDocument, readDocument } from './trace/trace-document.ts';
import { inOrder, traceIndex } from './trace/trace-index.ts';
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

async function overLines(source: SourceFile): Promise<TraceReader> {
  const order = traceOrder();
  const hash = lineHash();
  const index = traceIndex(source);
  let head: { readonly exportedAt: string; readonly version: number } | undefined;
  let last = 0;

  for await (const lines of fileLines(source.read())) {
    for (const line of lines) {
      const read = traceLine(line);
      order.take(read, line.number);
      if (read.kind !== 'end') hash.add(line);
      if (read.kind === 'header') head = read.header;
      if (read.kind === 'row') index.note(read.table, read.row, { from: line.offset, to: line.offset + line.bytes.length, number: line.number });
      last = line.number;
    }
  }
  order.finish(last, hash.digest());
  return index.reader({ version: head!.version, exportedAt: head!.exportedAt, run: index.run! });
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
