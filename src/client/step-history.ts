import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import type { PipelineHistory } from '../core/performance/performance.ts';
import { runDurations } from '../core/performance/trends.ts';
import { limits } from '../protocol/limits.ts';
import { RunRow, StepRow } from '../protocol/rows.ts';
import type { HistoryOptions } from './comparing.ts';
import { request } from './request.ts';

/** The Data API gives at most this many rows an answer. */
const PAGE_ROWS = 1_000;
/** Runs named in one request; their ids travel in its address. */
const RUNS_A_REQUEST = 20;
const USUAL_RUNS = 50;

/** Of each row only what times need: a history is many runs. */
const TimedRun = RunRow.pick({
  id: true, test_run_id: true, status: true, git_commit: true, total_duration_ms: true, started_at: true, completed_at: true, paused_at: true, created_at: true, updated_at: true,
});
const TimedStep = StepRow.pick({
  id: true, test_run_id: true, step_key: true, parent_step_key: true, display: true, step_name: true, attempt: true, status: true,
  reused_from_run_id: true, started_at: true, duration_ms: true, held_ms: true, created_at: true,
});
type TimedStep = z.infer<typeof TimedStep>;

/** How long the newest runs of a pipeline and their steps took, newest first. Bounded by `limits.historyRuns` and `limits.historyRows`. */
export async function readHistory(
  supabase: SupabaseClient,
  url: string,
  pipelineKey: string,
  { limit = USUAL_RUNS, since, until, completed = false }: HistoryOptions = {},
): Promise<PipelineHistory> {
  const wanted = Math.min(limit, limits.historyRuns);
  let query = supabase.from('test_execution_runs').select(Object.keys(TimedRun.shape).join(',')).eq('pipeline_key', pipelineKey);
  if (completed) query = query.eq('status', 'completed');
  if (since !== undefined) query = query.gte('created_at', since);
  if (until !== undefined) query = query.lte('created_at', until);
  const newest = query.order('created_at', { ascending: false }).order('id', { ascending: false });
  const runs = await request(url, 'list the runs', newest.limit(wanted), z.array(TimedRun));

  const steps = new Map<string, TimedStep[]>();
  let rows = 0;
  let read = 0;
  for (; read < runs.length && rows < limits.historyRows; read += RUNS_A_REQUEST) {
    const ids = runs.slice(read, read + RUNS_A_REQUEST).map((run) => run.test_run_id);
    for (let last = ''; ;) {
      const page = await request(url, 'read the steps', stepsAfter(supabase, ids, last), z.array(TimedStep));
      for (const step of page) (steps.get(step.test_run_id) ?? steps.set(step.test_run_id, []).get(step.test_run_id)!).push(step);
      rows += page.length;
      if (page.length < PAGE_ROWS) break;
      last = page.at(-1)!.id;
    }
  }
  const whole = runs.slice(0, read);
  return {
    pipelineKey,
    // The rows lack what no time needs.
    runs: whole.map((run) => runDurations(run as RunRow, (steps.get(run.test_run_id) ?? []) as unknown as readonly StepRow[])),
    isCut: whole.length < runs.length || (runs.length === wanted && wanted < limit),
  };
}

function stepsAfter(supabase: SupabaseClient, runIds: readonly string[], last: string) {
  const query = supabase.from('test_execution_steps').select(Object.keys(TimedStep.shape).join(',')).in('test_run_id', [...runIds]).order('id').limit(PAGE_ROWS);
  return last === '' ? query : query.gt('id', last);
}
