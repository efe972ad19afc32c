import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { createMasker } from '../../core/mask.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { BlobRow, ImportedExtraRow, LogRow } from '../../protocol/rows.ts';
import { traceTables } from '../../protocol/trace.ts';
import type { TraceRow, TraceTable } from '../../protocol/trace.ts';
import { request, send } from '../request.ts';
import { maskTraceRow } from './mask-blob.ts';

/** An answer should have about this many bytes; rows are asked for by how large the last ones were. */
const PAGE_BYTES = 1024 * 1024;
const pageRows = { first: 200, most: 1_000 } as const;
/** Rows named in one request; their keys travel in its address. */
const KEYS_A_REQUEST = 40;

/** By which column the rows of a table are read on, and the one that names a row. */
const keyset: Readonly<Record<TraceTable, { readonly order: string; readonly key: string }>> = {
  test_execution_runs: { order: 'id', key: 'id' },
  test_execution_steps: { order: 'seq', key: 'id' },
  snapshot_blobs: { order: 'hash', key: 'hash' },
  test_execution_snapshots: { order: 'id', key: 'id' },
  test_execution_logs: { order: 'seq', key: 'id' },
  test_execution_commands: { order: 'seq', key: 'id' },
  recorded_exchanges: { order: 'ordinal', key: 'id' },
  approvals: { order: 'id', key: 'id' },
  comments: { order: 'id', key: 'id' },
  log_bookmarks: { order: 'id', key: 'id' },
};

/**
 * All rows of a run in the order of a trace, masked once more, some at a time: what is held of a run is one page of it.
 * The audit log says first who takes it out, unless it is only looked at.
 */
export async function* readRun(
  supabase: SupabaseClient,
  url: string,
  runId: string,
  { isTakenOut = true }: { readonly isTakenOut?: boolean } = {},
): AsyncGenerator<readonly TraceRow[]> {
  if (isTakenOut) await send(url, 'have the export recorded', supabase.rpc('record_export', { run_id: runId }));
  const masker = createMasker();
  const extras = await readExtras(supabase, url, runId);
  for (const table of Object.keys(traceTables) as TraceTable[]) {
    for await (const page of ahead(readers[table]?.(supabase, url, runId) ?? pages(supabase, url, runId, table))) {
      const whole = await extras.over(table, page);
      const masked: TraceRow[] = [];
      for (const row of whole) masked.push({ table, row: await maskTraceRow(table, row, masker) });
      if (masked.length > 0) yield masked;
    }
  }
  for await (const page of extras.others()) {
    const masked: TraceRow[] = [];
    for (const { table, row } of page) masked.push({ table, row: await maskTraceRow(table, row, masker) });
    yield masked;
  }
}

/** Tables that are read in a way of their own. */
const readers: Partial<Record<TraceTable, (supabase: SupabaseClient, url: string, runId: string) => AsyncGenerator<readonly JsonObject[]>>> = {
  snapshot_blobs: blobs,
  test_execution_logs: logs,
};

/** The same pages, where the next is asked for while one is worked on. */
async function* ahead<Page>(pages: AsyncGenerator<Page>): AsyncGenerator<Page> {
  const ask = (): Promise<IteratorResult<Page>> => {
    const answer = pages.next();
    // Whoever takes it hears of a failure; who has gone need not.
    answer.catch(() => undefined);
    return answer;
  };
  for (let next = ask(); ;) {
    const { value, done } = await next;
    if (done === true) return;
    next = ask();
    yield value;
  }
}

async function* pages(supabase: SupabaseClient, url: string, runId: string, table: TraceTable): AsyncGenerator<readonly JsonObject[]> {
  const { order } = keyset[table];
  const schema = z.array(traceTables[table] as z.ZodType<JsonObject>);
  let limit: number = pageRows.first;
  for (let last: Json | undefined; ;) {
    const query = supabase.from(table).select('*').eq('test_run_id', runId).order(order).limit(limit);
    const page = await request(url, 'read the run', last === undefined ? query : query.gt(order, last), schema);
    if (page.length > 0) yield page;
    if (page.length < limit) return;
    last = page.at(-1)![order]!;
    const some = page.slice(-20);
    limit = Math.max(1, Math.min(pageRows.most, Math.floor((PAGE_BYTES * some.length) / JSON.stringify(some).length)));
  }
}

/** A log may be all there is of a run, so it is read by the shortest way. */
async function* logs(supabase: SupabaseClient, url: string, runId: string): AsyncGenerator<readonly JsonObject[]> {
  const Page = z.object({ rows: z.array(LogRow), complete: z.boolean() });
  for (let last = 0; ;) {
    const { rows, complete } = await request(url, 'read the log', supabase.rpc('run_logs', { run_id: runId, after_seq: last, max_rows: pageRows.most }), Page);
    if (rows.length > 0) yield rows as unknown as JsonObject[];
    if (complete || rows.length === 0) return;
    last = rows.at(-1)!.seq;
  }
}

/** Blobs say themselves how large they are, and a few are too many for one answer. */
async function* blobs(supabase: SupabaseClient, url: string, runId: string): AsyncGenerator<readonly JsonObject[]> {
  const Size = z.array(z.object({ hash: z.string(), bytes: z.number() }));
  for (let last = ''; ;) {
    const query = supabase.from('snapshot_blobs').select('hash, bytes').eq('test_run_id', runId).gt('hash', last).order('hash').limit(pageRows.most);
    const sizes = await request(url, 'read the state', query, Size);
    for (let from = 0, to = 0; from < sizes.length; from = to) {
      for (let bytes = 0; to < sizes.length && to - from < KEYS_A_REQUEST && (to === from || bytes + sizes[to]!.bytes <= PAGE_BYTES); to++) bytes += sizes[to]!.bytes;
      const hashes = sizes.slice(from, to).map(({ hash }) => hash);
      const some = supabase.from('snapshot_blobs').select('*').eq('test_run_id', runId).in('hash', hashes).order('hash');
      yield (await request(url, 'read the state', some, z.array(BlobRow))) as unknown as JsonObject[];
    }
    if (sizes.length < pageRows.most) return;
    last = sizes.at(-1)!.hash;
  }
}

interface Extras {
  /** Rows with what an import has kept beside them. */
  readonly over: (table: TraceTable, rows: readonly JsonObject[]) => Promise<readonly JsonObject[]>;
  /** Rows of tables we do not have, as they stood. */
  readonly others: () => AsyncIterable<readonly TraceRow[]>;
}

async function readExtras(supabase: SupabaseClient, url: string, runId: string): Promise<Extras> {
  const known = Object.keys(traceTables);
  const of = () => supabase.from('imported_extras').select('*').eq('test_run_id', runId);
  const rows = z.array(ImportedExtraRow);
  const [any] = await request(url, 'read the run', of().limit(1), rows);
  return {
    over: async (table, page) => {
      if (any === undefined) return page;
      const { key } = keyset[table];
      const found = new Map<string, JsonObject>();
      for (let i = 0; i < page.length; i += KEYS_A_REQUEST) {
        const keys = page.slice(i, i + KEYS_A_REQUEST).map((row) => row[key] as string);
        for (const extra of await request(url, 'read the run', of().eq('table_name', table).in('row_key', keys), rows)) found.set(extra.row_key, extra.fields);
      }
      return page.map((row) => ({ ...row, ...found.get(row[key] as string) }));
    },
    others: async function* () {
      if (any === undefined) return;
      for (let last = -1; ;) {
        const query = of().not('table_name', 'in', `(${known.join(',')})`).gt('place', last).order('place').limit(pageRows.first);
        const page = await request(url, 'read the run', query, rows);
        yield page.map(({ table_name, fields }) => ({ table: table_name, row: fields }));
        if (page.length < pageRows.first) return;
        last = page.at(-1)!.place;
      }
    },
  };
}
