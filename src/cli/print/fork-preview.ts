import { formatDuration, plural, printable, shortId } from '../../core/format.ts';
import type { ForkPreview } from '../../core/fork-plan.ts';
import type { PatchOperation } from '../../protocol/json.ts';
import type { ModelRow } from '../../protocol/account-rows.ts';
import type { RunRow } from '../../protocol/rows.ts';
import type { ForkEffects } from '../../protocol/run-request.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import type { Io } from '../io.ts';

export interface ShownFork {
  readonly parent: RunRow;
  readonly preview: ForkPreview;
  readonly patch: readonly PatchOperation[];
  readonly model: ModelRow | undefined;
  readonly effects: ForkEffects;
}

/** What a fork would do, for a person to decide: a fact a line. */
export function forkPreviewLines({ parent, preview, patch, model, effects }: ShownFork, io: Io): readonly string[] {
  const { reused, entered, executed, obstacle } = preview;
  const fact = (name: string, text: string): string => `${io.paint('muted', name.padEnd(9))} ${printable(text)}`;
  const from = executed[0];
  return [
    fact('fork of', `${parent.test_run_id}, from ${from?.display ?? ''} ${from?.name ?? ''}`),
    fact('reuses', listed(reused)),
    ...(entered.length === 0 ? [] : [fact('enters', named(entered))]),
    fact('executes', `${listed(executed)}${preview.durationMs > 0 ? `; ${formatDuration(preview.durationMs)} in ${shortId(parent.test_run_id)}` : ''}`),
    fact('edits', patch.length === 0 ? 'nothing' : patch.map((one) => `${one.op} ${one.path === '' ? 'the whole value' : one.path}${one.value === undefined ? '' : ` ${JSON.stringify(one.value)}`}`).join(', ')),
    fact('costs', costWords(parent, preview, model)),
    fact('outside', outsideWords(preview, effects)),
    ...(obstacle === undefined ? [] : [io.paint('bad', `Not possible: ${obstacle.why}.`), ...(obstacle.nearest === undefined ? [] : [`The nearest earlier step from which it can be is ${obstacle.nearest.display} ${obstacle.nearest.name}.`])]),
  ];
}

function costWords({ billing }: RunRow, { charged, wouldHaveCharged, providerCalls }: ForkPreview, model: ModelRow | undefined): string {
  const price = model === undefined ? '' : `; ${model.model_name} costs ${plural(model.cost_credits, 'credit')} an image`;
  if (charged === undefined) return `unknown: the run recorded no exchanges${price}`;
  const credits = billing === 'test' ? `none in test mode, ${plural(wouldHaveCharged ?? 0, 'credit')} otherwise` : plural(charged, 'credit');
  const calls = (providerCalls ?? 0) === 0 ? '' : `; ${plural(providerCalls!, 'call')} to the provider`;
  return `${credits}, as these steps did before${calls}${price}`;
}

function outsideWords({ repeated, executed }: ForkPreview, effects: ForkEffects): string {
  const first = executed.filter((step) => step.effect === 'external' && !repeated.includes(step));
  const again = { ask: 'would happen again, and needs your leave', repeat: 'happens again', recorded: 'is answered from the recording' }[effects];
  const parts = [...(repeated.length > 0 ? [`${named(repeated)} ${again}`] : []), ...(first.length > 0 ? [`${named(first)} for the first time`] : [])];
  return parts.length === 0 ? 'no step has effects outside' : parts.join('; ');
}

function listed(steps: readonly StepDefinition[]): string {
  return steps.length === 0 ? 'nothing' : steps.map(({ display }) => display).join(' ');
}

function named(steps: readonly StepDefinition[]): string {
  return steps.map(({ display, name }) => `${display} ${name}`).join(', ');
}
