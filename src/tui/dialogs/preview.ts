import { planFork } from '../../core/fork-plan.ts';
import { makePatch } from '../../core/json-diff.ts';
import { ForkEffects, RunOptions, RunRequest } from '../../protocol/run-request.ts';
import { snapshotKey } from '../model/detail.ts';
import { stepsOf } from '../model/steps.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import type { Preview } from '../overlay.ts';
import type { Question } from '../outside/questions.ts';
import type { State } from '../state.ts';
import { only, replaceOverlay, withOverlay, type Update } from '../update/result.ts';

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
    effects: 'ask',
    facts: undefined,
    sent: false,
    problem: undefined,
  };
}

/** The preview opened, and what the backend is asked for it. */
export function openPreview(state: State, preview: Preview): Update {
  const stepKey = preview.stepKey ?? preview.plan.executed[0]?.key;
  return only(withOverlay(state, preview), ...(stepKey === undefined ? [] : [{ type: 'ask' as const, question: { kind: 'fork' as const, runId: preview.parentRunId, stepKey } }]));
}

/** Takes in what the backend says of a fork, where its preview is open. */
export function withForkFacts(state: State, question: Question, facts: Preview['facts']): State {
  const top = state.overlays.at(-1);
  if (question.kind !== 'fork' || top?.type !== 'preview' || top.parentRunId !== question.runId) return state;
  return question.stepKey === (top.stepKey ?? top.plan.executed[0]?.key) ? replaceOverlay(state, { ...top, facts }) : state;
}

/** Steps whose recorded answers are missing: they cannot be taken in place of the effect. */
export function withoutAnswer({ plan, facts }: Preview): readonly StepDefinition[] {
  const answered = new Set((facts?.facts.asked ?? []).map((one) => one.step_key));
  return facts ? plan.repeated.filter(({ key }) => !answered.has(key)) : [];
}

/** The next answer to what happens again outside. */
export function nextEffects(preview: Preview): ForkEffects {
  const choices = ForkEffects.options;
  return choices[(choices.indexOf(preview.effects) + 1) % choices.length]!;
}

/** Why the rerun cannot start, or may not yet, in words. */
export function whyNotYet(preview: Preview): string | undefined {
  const { missing, repeated } = preview.plan;
  if (preview.sent) return 'it is being started';
  if (missing.length > 0) return `this run has no result of ${displays(missing)} to go on from`;
  // The backend decides all of it; what it has said already is not asked twice.
  const obstacle = preview.stepKey === undefined ? undefined : preview.facts?.preview.obstacle;
  if (obstacle) return `${obstacle.why}${obstacle.nearest ? `; ${obstacle.nearest.display} ${obstacle.nearest.name} is the nearest step from which it can be` : ''}`;
  if (repeated.length === 0) return undefined;
  if (preview.effects === 'ask') return `${displays(repeated)} would happen again outside; press y to allow that, or once more to take the recorded answers`;
  const silent = preview.effects === 'recorded' ? withoutAnswer(preview) : [];
  return silent.length > 0 ? `no answer was recorded for ${displays(silent)}; y goes on to another choice` : undefined;
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
    options: { ...options, breakAt: [], repeatEffects: preview.effects === 'repeat', effects: preview.effects },
    ...(preview.stepKey === undefined ? {} : { fork: { parentRunId: preview.parentRunId, step: preview.stepKey, patch: preview.patch } }),
  });
}
