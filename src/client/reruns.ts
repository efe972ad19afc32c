import type { SupabaseClient } from '@supabase/supabase-js';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { previewFork, type ForkFacts, type ForkPreview } from '../core/fork-plan.ts';
import { expectedOf, freeName, testNameOf } from '../core/promote.ts';
import { isFinal } from '../core/run-state.ts';
import { flattenSteps, resolveStep } from '../core/step-reference.ts';
import { AutoTestRow, type ExchangeRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { RunRow, type BlobRow, type StepRow } from '../protocol/rows.ts';
import type { Backend, StepSnapshot } from './backend.ts';
import { readBlob, readExchanges } from './exchanges.ts';
import { request } from './request.ts';
import { readForkFacts } from './start-run.ts';

/** A recorded run with what it asked the outside world: what a replay needs. */
export interface RecordedRun {
  readonly run: RunRow;
  steps(): Promise<readonly StepRow[]>;
  snapshot(stepKey: string, attempt?: number): Promise<StepSnapshot | undefined>;
  blob(hash: string): Promise<BlobRow | undefined>;
  exchanges(): AsyncIterable<ExchangeRow>;
}

/** Going on from runs: forks, families, replays, tests. */
export interface Reruns {
  /** What a fork of a run would reuse, execute, cost and do again. `not-found` with the closest steps. */
  previewFork(runId: string, step: string): Promise<{ readonly preview: ForkPreview; readonly facts: ForkFacts }>;
  /** The run, what it was forked from and what was forked from these: at most {@link limits.familyRuns} runs. */
  family(runId: string): Promise<readonly RunRow[]>;
  /** The families of several runs at once, within the same limit. */
  families(runIds: readonly string[]): Promise<readonly RunRow[]>;
  recording(runId: string): Promise<RecordedRun>;
  /**
   * Keeps a run as a regression test: its inputs, and how it ended. `usage` for a run that has not ended or was only
   * traced; `conflict` when somebody else's test has the name that was asked for.
   */
  promote(runId: string, options?: { readonly name?: string | undefined }): Promise<AutoTestRow>;
  /** Tests made from runs and by others, newest first. */
  tests(): Promise<readonly AutoTestRow[]>;
}

/** How often a name is chosen anew that somebody took in the same moment. */
const NAME_ATTEMPTS = 5;

export function createReruns(supabase: SupabaseClient, url: string, backend: () => Pick<Backend, 'run' | 'steps' | 'snapshot'>): Reruns {
  const reruns: Reruns = {
    previewFork: async (runId, step) => {
      const run = await backend().run(runId);
      const tree = run.step_tree ?? [];
      const { key } = resolveStep(step, flattenSteps(tree));
      const [steps, facts] = await Promise.all([backend().steps(runId), readForkFacts(supabase, url, runId)]);
      return { preview: previewFork(tree, key, steps, facts), facts };
    },
    family: (runId) => reruns.families([runId]),
    families: async (runIds) => {
      if (runIds.length === 0) return [];
      const query = supabase.rpc('run_families', { run_ids: [...runIds], max_rows: limits.familyRuns });
      return await request(url, 'read the family of the run', query, z.array(RunRow));
    },
    recording: async (runId) => {
      const run = await backend().run(runId);
      return {
        run,
        steps: () => backend().steps(runId),
        snapshot: (stepKey, attempt) => backend().snapshot(runId, stepKey, attempt),
        blob: (hash) => readBlob(supabase, url, runId, hash),
        exchanges: async function* () {
          yield* await readExchanges(supabase, url, runId);
        },
      };
    },
    promote: async (runId, { name: wanted } = {}) => {
      const run = await backend().run(runId);
      if (run.pipeline_key === null) throw new UserError('usage', 'this run was only traced: no pipeline can run it again as a test');
      if (!isFinal(run)) throw new UserError('usage', `the run is ${run.status}: a test is made of a run that has ended`);
      const row = await testOf(run);
      for (let attempt = 1; ; attempt++) {
        const test_name = wanted ?? freeName(testNameOf(run), new Set((await namesLike(testNameOf(run))).map((one) => one.test_name)));
        try {
          return await request(url, 'keep the test', supabase.from('auto_generated_tests').insert({ ...row, test_name }).select('*').single(), AutoTestRow);
        } catch (error) {
          if (!(error instanceof UserError && error.code === 'conflict')) throw error;
          if (wanted !== undefined) throw new UserError('conflict', `there is a test ${wanted} already`, { cause: error, hint: 'Choose another name, or leave it to us' });
          // Somebody took the name in the same moment.
          if (attempt === NAME_ATTEMPTS) throw error;
        }
      }
    },
    tests: async () => {
      const query = supabase.from('auto_generated_tests').select('*').order('created_at', { ascending: false }).order('id').limit(1_000);
      return await request(url, 'list the tests', query, z.array(AutoTestRow));
    },
  };
  return reruns;

  async function testOf(run: RunRow): Promise<Record<string, unknown>> {
    const steps = await backend().steps(run.test_run_id);
    const last = steps.filter(({ status }) => status === 'completed').toSorted((a, b) => a.ordinal - b.ordinal).at(-1);
    const snapshot = last && (await backend().snapshot(run.test_run_id, last.step_key, last.attempt));
    const expected = expectedOf(run, steps, snapshot?.outputs ?? null);
    const identity = JSON.stringify([run.pipeline_key, run.inputs, run.model_record_id, expected.status, expected.failedStep, expected.error]);
    return {
      test_type: 'regression',
      test_prompt: typeof run.inputs['prompt'] === 'string' ? run.inputs['prompt'] : null,
      expected_behavior: expected,
      framework: 'stepscope',
      tags: run.tags,
      metadata: { model: run.model_record_id, pipeline_version: run.pipeline_version, git_commit: run.git_commit },
      fingerprint: createHash('sha256').update(identity).digest('hex'),
      source_run_id: run.test_run_id,
      pipeline_key: run.pipeline_key,
      params: run.inputs,
    };
  }

  async function namesLike(name: string): Promise<readonly { readonly test_name: string }[]> {
    const query = supabase.from('auto_generated_tests').select('test_name').like('test_name', `${name.replaceAll('_', '\\_')}%`).limit(1_000);
    return await request(url, 'look at the tests there are', query, z.array(z.object({ test_name: z.string() })));
  }
}
