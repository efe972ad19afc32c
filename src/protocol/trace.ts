import { z } from 'zod';
import { ApprovalRow, CommentRow, ExchangeRow, LogBookmarkRow } from './debug-rows.ts';
import { JsonObject } from './json.ts';
import { BlobRow, CommandRow, LogRow, RunRow, SnapshotRow, StepRow } from './rows.ts';

/*
 * A run as a file. Version 2 is NDJSON: a header, one line for each row, and a last line with which a reader knows
 * that nothing is missing:
 *
 *   {"stepscope":"trace","version":2,"exportedAt":"2026-11-21T10:00:00.000Z","run_id":"0199…"}
 *   {"table":"test_execution_runs","row":{…}}
 *   {"table":"test_execution_steps","row":{…}}
 *   …
 *   {"end":true,"rows":2,"sha256":"…"}
 *
 * `exportedAt` says as of when: the program writes when the run last changed, older ones wrote when they exported it.
 * Rows come table by table in the order of `traceTables`, the run's own row first. The checksum is over all bytes
 * before the last line. Fields and tables that a reader does not know are newer than it: it keeps them.
 */

/** Version of the files that `export` writes. Older ones stay readable for ever; a newer one is refused. */
export const TRACE_VERSION = 2;

/** The tables of a trace and their rows, in the order in which they stand in the file. */
export const traceTables = {
  test_execution_runs: RunRow,
  /** By `seq`. */
  test_execution_steps: StepRow,
  /** By `hash`. */
  snapshot_blobs: BlobRow,
  /** By `id`. */
  test_execution_snapshots: SnapshotRow,
  /** By `seq`. */
  test_execution_logs: LogRow,
  /** By `seq`. */
  test_execution_commands: CommandRow,
  /** By `ordinal`. */
  recorded_exchanges: ExchangeRow,
  /** By `id`. */
  approvals: ApprovalRow,
  /** By `id`. */
  comments: CommentRow,
  /** By `id`. */
  log_bookmarks: LogBookmarkRow,
} as const;
export type TraceTable = keyof typeof traceTables;

/** First line of a trace. */
export const TraceHeader = z.looseObject({
  stepscope: z.literal('trace'),
  version: z.literal(TRACE_VERSION),
  exportedAt: z.string(),
  run_id: z.string().min(1),
});
export type TraceHeader = z.infer<typeof TraceHeader>;

/** A line with a row. `table` is a {@link TraceTable}, or one that a newer program has. */
export const TraceRow = z.object({ table: z.string().min(1).max(200), row: JsonObject });
export type TraceRow = z.infer<typeof TraceRow>;

/** Last line of a trace: how many lines with rows there were, and the SHA-256 of all bytes before this line. */
export const TraceEnd = z.looseObject({
  end: z.literal(true),
  rows: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type TraceEnd = z.infer<typeof TraceEnd>;

/** Version of the trace that is one JSON document. */
export const TRACE_DOCUMENT_VERSION = 1;

/**
 * A run as one JSON document: version 1 of the trace, what `tracker.export()` and `stepscope export --format json`
 * write. The last four lists came later.
 */
export const Trace = z.object({
  stepscope: z.literal('trace'),
  version: z.literal(TRACE_DOCUMENT_VERSION),
  exportedAt: z.string(),
  run: RunRow,
  steps: z.array(StepRow),
  snapshots: z.array(SnapshotRow),
  blobs: z.array(BlobRow),
  logs: z.array(LogRow),
  commands: z.array(CommandRow),
  exchanges: z.array(ExchangeRow).optional(),
  approvals: z.array(ApprovalRow).optional(),
  comments: z.array(CommentRow).optional(),
  logBookmarks: z.array(LogBookmarkRow).optional(),
});
export type Trace = z.infer<typeof Trace>;

/** Under which name the rows of a table stand in a {@link Trace}. */
export const documentLists = {
  test_execution_steps: 'steps',
  snapshot_blobs: 'blobs',
  test_execution_snapshots: 'snapshots',
  test_execution_logs: 'logs',
  test_execution_commands: 'commands',
  recorded_exchanges: 'exchanges',
  approvals: 'approvals',
  comments: 'comments',
  log_bookmarks: 'logBookmarks',
} as const satisfies Record<Exclude<TraceTable, 'test_execution_runs'>, keyof Trace>;
