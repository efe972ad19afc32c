import { readTraceLine } from '../../core/trace/trace-line.ts';
import type { ApprovalRow, CommentRow, ExchangeRow, LogBookmarkRow } from '../../protocol/debug-rows.ts';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { BlobRow, CommandRow, LogRow, RunRow, SnapshotRow, StepRow } from '../../protocol/rows.ts';
import type { TraceTable } from '../../protocol/trace.ts';
import { assembleSnapshot, hashesOf } from '../snapshots.ts';
import type { TraceReader } from '../trace-file.ts';
import { fileLines, lineText } from './file-lines.ts';
import type { FileLine } from './file-lines.ts';
import type { SourceFile } from './source-file.ts';

/** Where a row stands in the file. */
interface Place {
  readonly from: number;
  readonly to: number;
  readonly number: number;
}

/** What is kept of a trace so that its rows are found again. */
export interface TraceIndex {
  readonly run: RunRow | undefined;
  /** Takes the next row. Of snapshots it needs `step_key` and `attempt`, of blobs `hash`, of logs `seq`, of runs and steps all. */
  note(table: string, row: JsonObject, place: Place): void;
  /** Reads what was noted, once `whole` says that all of it was. */
  reader(head: Pick<TraceReader, 'version' | 'exportedAt' | 'run'>, whole?: Promise<void>): TraceReader;
}

/** Log rows from one known place to the next. */
const SPARSE = 1_000;

/** An index over the lines of a trace of version 2. */
export function traceIndex(source: Pick<SourceFile, 'read' | 'close'>): TraceIndex {
  const steps: StepRow[] = [];
  const snapshots = new Map<string, Place>();
  const latest = new Map<string, number>();
  const blobs = new Map<string, Place>();
  const spans = new Map<string, { from: number; to: number; number: number }>();
  const logPlaces: { readonly seq: number; readonly from: number; readonly number: number }[] = [];
  let run: RunRow | undefined;
  let logs = 0;

  const note: TraceIndex['note'] = (table, row, place) => {
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

  const reader: TraceIndex['reader'] = (head, whole = Promise.resolve()) => {
    const rowsOf = async function* <Row>(table: TraceTable, from?: { readonly from: number; readonly number: number }): AsyncGenerator<Row> {
      await whole;
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
      ...head,
      steps: async () => {
        await whole;
        return inOrder(steps);
      },
      logs: async function* ({ afterSeq = -1 } = {}) {
        await whole;
        const start = logPlaces.findLast(({ seq }) => seq <= afterSeq);
        for await (const row of rowsOf<LogRow>('test_execution_logs', start)) if (row.seq > afterSeq) yield row;
      },
      snapshot: async (stepKey, wanted) => {
        // Snapshots stand before the log: mostly they are found while the log is still read.
        if (wanted === undefined || !snapshots.has(keyOf(stepKey, wanted))) await whole;
        const row = await rowIn<SnapshotRow>(snapshots.get(keyOf(stepKey, wanted ?? latest.get(stepKey) ?? 0)));
        if (row === undefined) return undefined;
        const found: BlobRow[] = [];
        for (const name of hashesOf(row)) {
          const blob = await rowIn<BlobRow>(blobs.get(name));
          if (blob !== undefined) found.push(blob);
        }
        return await assembleSnapshot(row, found);
      },
      blob: async (name) => {
        if (!blobs.has(name)) await whole;
        return await rowIn<BlobRow>(blobs.get(name));
      },
      commands: async () => await all(rowsOf<CommandRow>('test_execution_commands')),
      exchanges: () => rowsOf<ExchangeRow>('recorded_exchanges'),
      approvals: async () => await all(rowsOf<ApprovalRow>('approvals')),
      comments: async () => await all(rowsOf<CommentRow>('comments')),
      logBookmarks: async () => (await all(rowsOf<LogBookmarkRow>('log_bookmarks'))).toSorted((a, b) => a.seq - b.seq),
      close: () => source.close(),
    };
  };

  return {
    get run() {
      return run;
    },
    note,
    reader,
  };
}

/** A row of a file that was read before: it changed under us when it is none now. */
function rowAt(line: FileLine): { readonly table: string; readonly row: JsonObject } {
  const read = readTraceLine(lineText(line), line.number);
  if (read.kind !== 'row') throw new UserError('usage', `the trace was changed while it was read (line ${line.number})`);
  return read;
}

const keyOf = (stepKey: string, attempt: number): string => `${attempt} ${stepKey}`;

export const inOrder = (steps: readonly StepRow[]): readonly StepRow[] => steps.toSorted((a, b) => a.ordinal - b.ordinal || a.attempt - b.attempt);

async function all<Row>(rows: AsyncIterable<Row>): Promise<readonly Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}
