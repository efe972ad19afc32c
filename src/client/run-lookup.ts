import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { closest } from '../core/closest.ts';
import { plural, shortId } from '../core/format.ts';
import { UserError } from '../protocol/error.ts';
import { RunRow } from '../protocol/rows.ts';
import type { RunFilter } from './backend.ts';
import { request } from './request.ts';

/** Fewer characters than this name a run by accident. */
const SHORTEST_REFERENCE = 4;

/** Runs, newest first, as a filter wants them. */
export async function findRuns(supabase: SupabaseClient, url: string, filter: RunFilter): Promise<readonly RunRow[]> {
  let query = supabase.from('test_execution_runs').select('*').order('created_at', { ascending: false }).order('id', { ascending: false });
  if (filter.status !== undefined) query = query.eq('status', filter.status);
  if (filter.pipeline !== undefined) query = query.eq('pipeline_key', filter.pipeline);
  if (filter.bookmarked !== undefined) query = query.eq('bookmarked', filter.bookmarked);
  if (filter.tag !== undefined) query = query.contains('tags', [filter.tag]);
  const conditions: string[] = [];
  if (filter.before !== undefined) {
    const { created_at, id } = filter.before;
    conditions.push(`or(created_at.lt."${created_at}",and(created_at.eq."${created_at}",id.lt."${id}"))`);
  }
  for (const word of filter.search?.split(/\s+/).filter((one) => one !== '') ?? []) {
    // What the grammar of filters uses itself is matched by "any character": the Data API's quotes do not reach into patterns.
    const pattern = `*${word.replaceAll(/[*%,()"\\]/g, '_')}*`;
    const columns = ['test_run_id', 'pipeline_key', 'model_name', 'error_message', 'notes', 'bookmark_name'];
    conditions.push(`or(${columns.map((column) => `${column}.ilike.${pattern}`).join(',')})`);
  }
  // In one parameter: of several `or` the Data API hears the last.
  if (conditions.length > 0) query = query.or(`and(${conditions.join(',')})`);
  return await request(url, 'list the runs', query.limit(filter.limit ?? 50), z.array(RunRow));
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
