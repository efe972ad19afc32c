import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { asksForCost, matchesRunFilter } from '../core/run-filter.ts';
import type { ParsedRunFilter } from '../core/run-filter.ts';
import { limits } from '../protocol/limits.ts';
import { LedgerRow } from '../protocol/account-rows.ts';
import type { RunRow } from '../protocol/rows.ts';
import { request } from './request.ts';
import { readRuns } from './run-lookup.ts';
import { runConditions } from './run-query.ts';

/** Runs read at once. */
const PAGE_RUNS = 200;
/** Runs whose charges are asked for at once: their ids travel in the address. */
const RUNS_A_REQUEST = 50;
const LEDGER_PAGE = 1_000;

/** What a search has found, newest first. */
export interface FoundRuns {
  readonly runs: readonly RunRow[];
  /** Runs that were looked at for it. */
  readonly searched: number;
  /** Search on after this one; undefined when there is nothing more to look at. */
  readonly after: RunRow | undefined;
}

/** Runs that a filter lets through. See {@link import('./backend.ts').Backend.searchRuns}. */
export async function searchRuns(
  supabase: SupabaseClient,
  url: string,
  filter: ParsedRunFilter,
  { limit = 50, after }: { readonly limit?: number | undefined; readonly after?: RunRow | undefined } = {},
): Promise<FoundRuns> {
  const conditions = runConditions(filter);
  const found: RunRow[] = [];
  let searched = 0;
  let last = after;
  while (searched < limits.searchedRuns) {
    const wanted = searched === 0 ? Math.min(limit, PAGE_RUNS) : PAGE_RUNS;
    const page = await readRuns(supabase, url, conditions, { before: last, limit: wanted });
    const costs = asksForCost(filter) ? await costsOf(supabase, url, page) : undefined;
    for (const run of page) {
      searched += 1;
      last = run;
      if (matchesRunFilter(filter, run, (id) => costs?.get(id) ?? 0)) found.push(run);
      if (found.length === limit) return { runs: found, searched, after: run };
    }
    if (page.length < wanted) return { runs: found, searched, after: undefined };
  }
  return { runs: found, searched, after: last };
}

/** What runs have cost, in credits: what was charged, and what would have been. */
async function costsOf(supabase: SupabaseClient, url: string, runs: readonly RunRow[]): Promise<ReadonlyMap<string, number>> {
  const costs = new Map<string, number>();
  for (let i = 0; i < runs.length; i += RUNS_A_REQUEST) {
    const ids = runs.slice(i, i + RUNS_A_REQUEST).map((run) => run.test_run_id);
    for (let from = 0; ; from += LEDGER_PAGE) {
      const query = supabase.from('credit_ledger').select('*').in('run_id', ids).order('id').range(from, from + LEDGER_PAGE - 1);
      const rows = await request(url, 'read what runs have cost', query, z.array(LedgerRow));
      for (const { run_id, amount, would_have_charged } of rows) {
        if (run_id !== null) costs.set(run_id, (costs.get(run_id) ?? 0) + would_have_charged - amount);
      }
      if (rows.length < LEDGER_PAGE) break;
    }
  }
  return costs;
}
