import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { closest } from '../core/closest.ts';
import { plural, shortId } from '../core/format.ts';
import { UserError } from '../protocol/error.ts';
import { RunRow } from '../protocol/rows.ts';
import type { RunFilter } from './backend.ts';
import { request } from './request.ts';
import { wordCondition } from './run-query.ts';

/** Fewer characters than this name a run by accident. */
const SHORTEST_REFERENCE = 4;

/** Runs, newest first, as a filter wants them. */
export async function findRuns(supabase: SupabaseClient, url: string, filter: RunFilter): Promise<readonly RunRow[]> {
  const conditions = [
    ...(filter.status === undefined ? [] : [`status.eq.${filter.status}`]),
    ...(filter.bookmarked === undefined ? [] : [`bookmarked.is.${filter.bookmarked}`]),
    ...(filter.search?.split(/\s+/).filter((one) => one !== '') ?? []).map(wordCondition),
  ];
  return await readRuns(supabase, url, conditions, filter);
}

/** A page of runs, newest first, for which all conditions hold. Each is as the Data API has them in an `and(…)`. */
export async function readRuns(
  supabase: SupabaseClient,
  url: string,
  conditions: readonly string[],
  { pipeline, tag, before, limit = 50 }: Pick<RunFilter, 'pipeline' | 'tag' | 'before' | 'limit'>,
): Promise<readonly RunRow[]> {
  let query = supabase.from('test_execution_runs').select('*').order('created_at', { ascending: false }).order('id', { ascending: false });
  if (pipeline !== undefined) query = query.eq('pipeline_key', pipeline);
  if (tag !== undefined) query = query.contains('tags', [tag]);
  const page =
    before === undefined ? [] : [`or(created_at.lt."${before.created_at}",and(created_at.eq."${before.created_at}",id.lt."${before.id}"))`];
  const all = [...page, ...conditions];
  // In one parameter: of several `or` the Data API hears the last.
  if (all.length > 0) query = query.or(`and(${all.join(',')})`);
  return await request(url, 'list the runs', query.limit(limit), z.array(RunRow));
}

/** The run a person means: its id, the head or tail of one, or `last`. Throws `not-found` with the closest ids, or `usage` when several fit. */
export async function findRun(supabase: SupabaseClient, url: string, reference: string): Promise<RunRow> {
  const wanted = reference.trim();
  if (wanted === 'last') {
    const [newest] = await findRuns(supabase, url, { limit: 1 });
    if (newest === undefined) throw new UserError('not-found', 'there are no runs yet', { hint: 'Start one with `stepscope run`' });
    return newest;
  }
  const exact = supabase.from('test_execution_runs').select('*').eq('test_run_id', wanted).limit(1);
  const [found] = await request(url, 'read the run', exact, z.array(RunRow));
  if (found !== undefined) return found;

  if (wanted.length >= SHORTEST_REFERENCE && /^[\w.:-]+$/.test(wanted)) {
    const like = supabase.from('test_execution_runs').select('*').order('created_at', { ascending: false });
    const near = await request(
      url,
      'find the run',
      like.or(`test_run_id.like.${wanted}*,test_run_id.like.*${wanted}`).limit(5),
      z.array(RunRow),
    );
    if (near.length === 1) return near[0]!;
    if (near.length > 1) {
      throw new UserError('usage', `"${reference}" fits ${plural(near.length, 'run')}: ${near.map((run) => run.test_run_id).join(', ')}`, {
        hint: 'Write more of the id',
      });
    }
  }
  const newest = await findRuns(supabase, url, { limit: 100 });
  const ids = newest.map((run) => run.test_run_id);
  const names = new Map([...ids.map((id) => [id, id] as const), ...ids.map((id) => [shortId(id), id] as const)]);
  const hint = closest(wanted, names.keys())
    .map((name) => `\`${name}\``)
    .join(', ');
  throw new UserError('not-found', `no run "${reference}"`, {
    hint: hint === '' ? 'List them with `stepscope runs`' : `Did you mean ${hint}?`,
  });
}
