import { z } from 'zod';
import type { Holder } from '../client/holder.ts';
import { request } from '../client/request.ts';
import { AWAITS_APPROVAL } from '../core/command-rules.ts';
import { latestAttempts, planFork } from '../core/fork-plan.ts';
import { fromManifest } from '../core/manifest.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { UserError } from '../protocol/error.ts';
import { CommandPayload, type RunRow, type SnapshotRow, type StepRow } from '../protocol/rows.ts';
import { effectsOf, type RunOptions } from '../protocol/run-request.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import type { Rows } from '../tracker/sink.ts';
import type { TakenUp } from '../tracker/taken-up.ts';
import { answersForFork, readSnapshot, readSteps, readTexts, type ForkStart } from './fork.ts';
import type { RecordedEffects } from './outside/replaying.ts';

/** A held run ready to go on in this process. */
export interface PreparedResume {
  /** As a fork of the run from the step it is held before would begin, in the run itself. */
  readonly start: ForkStart;
  readonly takenUp: TakenUp;
  /** What is stored of its open steps and its last state. */
  readonly rows: Rows;
  /** Of a fork that does not repeat effects. */
  readonly recorded: RecordedEffects | undefined;
}

/**
 * Reads what a run needs to go on that another process has left held before a step: it is held there again, with the
 * inputs as they were edited, and what ended before it is not run again.
 *
 * Throws `usage` for one whose pipeline has changed so that it cannot.
 */
export async function prepareResume(holder: Holder, run: RunRow, tree: readonly StepDefinition[], choices: RunOptions): Promise<PreparedResume> {
  const runId = run.test_run_id;
  const steps = await readSteps(holder, runId);
  const latest = latestAttempts(steps);
  const held = [...latest.values()].find((step) => step.status === 'held');
  if (held === undefined) throw new UserError('conflict', 'the run is held before no step');
  if (!flattenSteps(tree).some(({ key }) => key === held.step_key)) {
    throw new UserError('usage', `the run is held before ${held.display}, and its pipeline has no step ${held.step_key} any more`, { hint: 'Fork it from an earlier step' });
  }
  const plan = planFork(tree, held.step_key, steps);
  if (plan.missing.length > 0) {
    throw new UserError('usage', `its pipeline has new steps before ${held.display}, where the run is held: ${plan.missing.map(({ display, name }) => `${display} ${name}`).join(', ')}`, {
      hint: `Fork it from ${plan.missing[0]!.display}`,
    });
  }
  const point = await readSnapshot(holder, runId, held.step_key);
  const texts = await readTexts(holder, runId, [point?.state_before ?? null, point?.inputs ?? null]);
  const open = await Promise.all(
    [...plan.entered.map(({ key }) => key), held.step_key].map(async (key) => {
      const step = latest.get(key);
      if (step === undefined) throw new UserError('usage', `step ${key} around ${held.display} was never begun`);
      const snapshot = key === held.step_key ? point : await readSnapshot(holder, runId, key);
      return { step: writtenStep(step), snapshot: snapshot && writtenSnapshot(snapshot) };
    }),
  );
  const approval = held.metadata[AWAITS_APPROVAL];
  return {
    start: {
      step: held.step_key,
      patch: [],
      state: fromManifest(point?.state_before ?? null, (hash) => texts.get(hash)),
      inputs: fromManifest(point?.inputs ?? null, (hash) => texts.get(hash)),
      reused: plan.reused.map(({ key }) => key),
      entered: plan.entered.map(({ key }) => key),
    },
    takenUp: {
      startedAt: run.started_at,
      hold: {
        reason: run.pause_reason ?? 'pause',
        by: run.paused_by,
        since: run.paused_at,
        leaseUntil: run.lease_until,
        approval: typeof approval === 'string' ? approval : null,
      },
      open,
      pauseAt: await readPauses(holder, runId),
    },
    rows: { steps: open.map(({ step }) => step), snapshots: open.flatMap(({ snapshot }) => snapshot ?? []) },
    recorded: effectsOf(choices) === 'recorded' ? await answersForFork(holder, run, tree) : undefined,
  };
}

/** Steps that `pause` has named. Those behind the run do no harm: it does not come there again. */
async function readPauses(holder: Holder, runId: string): Promise<readonly string[]> {
  const query = holder.db.from('test_execution_commands').select('payload').eq('test_run_id', runId).eq('verb', 'pause').eq('state', 'done');
  const rows = await request(holder.url, 'read the pauses of the run', query, z.array(z.object({ payload: CommandPayload })));
  return rows.flatMap(({ payload }) => payload.step ?? []);
}

/** Without the columns that the database fills in. */
function writtenStep({ seq: _seq, created_at: _created, updated_at: _updated, ...step }: StepRow): NonNullable<Rows['steps']>[number] {
  return step;
}

function writtenSnapshot({ created_at: _created, updated_at: _updated, ...snapshot }: SnapshotRow): NonNullable<Rows['snapshots']>[number] {
  return snapshot;
}
