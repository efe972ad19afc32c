import { planFork } from '../../core/fork-plan.ts';
import { makePatch } from '../../core/json-diff.ts';
import { RunOptions, RunRequest } from '../../protocol/run-request.ts';
import { snapshotKey } from '../model/detail.ts';
import { stepsOf } from '../model/steps.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import type { Preview } from '../overlay.ts';
import type { State } from '../state.ts';

/** What a rerun would do: what it takes over, what it executes, what happens outside again. Of a run with a step tree. */
export function previewOf(state: State, stepKey: string | undefined): Preview {
  const run = state.open!;
  const tree = run.view.run!.step_tree!;
  const row = stepKey === undefined ? undefined : stepsOf(run.view).find((step) => step.key === stepKey)?.row;
  const draft = stepKey === undefined ? undefined : run.drafts[stepKey];
  const recorded = row ? run.snapshots[snapshotKey(row.step_key, row.attempt)]?.snapshot?.inputs : undefined;
  return {
    type: 'preview',
    parentRunId: run.runId,
    stepKey,
    // Everything anew is a fork from the first step, as far as this goes.
    plan: planFork(tree, stepKey ?? tree[0]?.key ?? '', [...run.view.index.steps.values()]),
    patch: draft ? makePatch(recorded ?? {}, draft) : [],
    isEdited: row?.is_edited ?? false,
    mode: 'auto',
    accepted: false,
    sent: false,
    problem: undefined,
  };
}

/** Why the rerun cannot start, or may not yet, in words. */
export function whyNotYet(preview: Preview): string | undefined {
  const { missing, repeated } = preview.plan;
  if (preview.sent) return 'it is being started';
  if (missing.length > 0) return `this run has no result of ${displays(missing)} to go on from`;
  return repeated.length > 0 && !preview.accepted ? `${displays(repeated)} would happen again outside; press y to allow that` : undefined;
}

function displays(steps: readonly StepDefinition[]): string {
  return steps.map((step) => step.display).join(', ');
}

export function requestOf(state: State, preview: Preview): RunRequest {
  const parent = state.open!.view.run!;
  const options = RunOptions.catch(RunOptions.parse({})).parse(parent.execution_data['options'] ?? {});
  return RunRequest.parse({
    pipeline: parent.pipeline_key!,
    inputs: parent.inputs,
    ...(parent.model_record_id ? { model: parent.model_record_id } : {}),
    mode: preview.mode,
    billing: parent.billing,
    onLeaseEnd: parent.on_lease_end,
    options: { ...options, breakAt: [], repeatEffects: preview.accepted },
    ...(preview.stepKey === undefined ? {} : { fork: { parentRunId: preview.parentRunId, step: preview.stepKey, patch: preview.patch } }),
  });
}
