import { traceOrder } from '../../core/trace/trace-order.ts';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { documentLists, traceTables } from '../../protocol/trace.ts';
import type { TraceRow, TraceTable } from '../../protocol/trace.ts';
import { fileLines, lineHash, lineText } from './file-lines.ts';
import { traceLine } from './trace-line.ts';
import { countRows, rowDigest } from './recording.ts';
import type { Recording } from './recording.ts';
import type { SourceFile } from './source-file.ts';
import { readDocument } from './trace-document.ts';

/** A trace of version 2, read once to be checked. Throws `usage` or `too-large` with the line. */
export async function readTrace(source: SourceFile): Promise<Recording> {
  const order = traceOrder();
  const hash = lineHash();
  const digest = lineHash();
  const counts: Record<string, number> = {};
  let run: JsonObject | undefined;
  let last = 0;
  for await (const lines of fileLines(source.read())) {
    for (const line of lines) {
      const read = traceLine(line);
      order.take(read, line.number);
      last = line.number;
      if (read.kind !== 'end') hash.add(line);
      if (read.kind !== 'row') continue;
      digest.add(line);
      countRows(counts, read.table);
      if (read.table === 'test_execution_runs') run = read.row;
    }
  }
  order.finish(last, hash.digest());
  return { format: 'trace', run: run!, counts, sha256: digest.digest(), notices: [], rows: () => rowsOf(source) };
}

async function* rowsOf(source: SourceFile): AsyncGenerator<readonly TraceRow[]> {
  for await (const lines of fileLines(source.read())) {
    const rows: TraceRow[] = [];
    for (const line of lines) {
      // All of it was checked; only whether it is still the same file is not known.
      const json = JSON.parse(lineText(line)) as Partial<TraceRow>;
      if (json.table === undefined || json.row === undefined || json.table === 'test_execution_runs') continue;
      if (typeof json.row !== 'object') throw new UserError('usage', `${source.name} was changed while it was read (line ${line.number})`);
      rows.push({ table: json.table, row: json.row });
    }
    if (rows.length > 0) yield rows;
  }
}

/** By what rows of a table are sorted in a trace. Those without an order of their own come by id. */
const orders: Partial<Record<TraceTable, string>> = {
  test_execution_steps: 'seq',
  snapshot_blobs: 'hash',
  test_execution_logs: 'seq',
  test_execution_commands: 'seq',
  recorded_exchanges: 'ordinal',
};

/** A trace of version 1, as a recording of today. */
export async function readTraceDocument(source: SourceFile): Promise<Recording> {
  const document = await readDocument(source);
  const rows: TraceRow[] = [];
  for (const [table, list] of Object.entries(documentLists) as [keyof typeof documentLists, (typeof documentLists)[keyof typeof documentLists]][]) {
    const order = orders[table] ?? 'id';
    const sorted = ((document[list] ?? []) as unknown as readonly JsonObject[]).toSorted((a, b) => (a[order]! < b[order]! ? -1 : a[order]! > b[order]! ? 1 : 0));
    for (const row of sorted) rows.push({ table, row });
  }
  const foreign = rows.find(({ row }) => row['test_run_id'] !== document.run.test_run_id);
  if (foreign !== undefined) throw new UserError('usage', `${source.name}: a row of ${foreign.table} belongs to another run`);
  const run = document.run as unknown as JsonObject;
  const digest = rowDigest();
  const counts: Record<string, number> = {};
  for (const row of [{ table: 'test_execution_runs', row: run }, ...rows]) {
    digest.add({ table: row.table, row: traceTables[row.table as TraceTable].parse(row.row) as unknown as JsonObject });
    countRows(counts, row.table);
  }
  return {
    format: 'trace',
    run,
    counts,
    sha256: digest.digest(),
    notices: [],
    rows: async function* () {
      yield rows;
    },
  };
}
