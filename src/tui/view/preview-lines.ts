import { formatDuration, plural, shortId } from '../../core/format.ts';
import type { ForkEffects } from '../../protocol/run-request.ts';
import type { StepDefinition } from '../../protocol/step-definition.ts';
import { withoutAnswer, whyNotYet } from '../dialogs/preview.ts';
import { clip, line, span, wrap, type Line } from '../output/line.ts';
import type { Preview } from '../overlay.ts';
import type { State } from '../state.ts';

/** Operations of an edit that are shown; more of them say how many. */
const SHOWN_EDITS = 6;

/** What a rerun would do, before it does it. */
export function previewLines(state: State, preview: Preview): readonly Line[] {
  const { plan } = preview;
  const room = state.size.columns - 16;
  const isEnforced = state.open?.view.run?.billing === 'enforced';
  const from = preview.stepKey === undefined ? undefined : plan.executed[0];
  const list = (steps: readonly StepDefinition[]) => (steps.length === 0 ? ['none'] : [countWords(steps), ...wrap(steps.map((step) => step.display).join(' '), room)]);
  const fact = (name: string, texts: readonly string[], token: 'text' | 'warn' | 'muted' = 'text'): readonly Line[] =>
    texts.flatMap((text) => wrap(text, room)).map((text, index): Line => [span(` ${(index === 0 ? name : '').padEnd(12)} `, 'muted'), span(text, token)]);

  return [
    [span(' A new run is made; '), span(`run ${shortId(preview.parentRunId)}`, 'accent'), span(' stays as it is.')],
    [],
    ...fact('From', [from ? `${from.display} ${from.name}` : 'the first step']),
    ...fact('Reused', list(plan.reused), 'muted'),
    ...(plan.entered.length > 0 ? fact('Entered', [`${named(plan.entered)}, for the sub-steps from ${from?.display ?? ''} on`], 'muted') : []),
    ...fact('Executed', list(plan.executed)),
    ...fact('Edit', editWords(preview), preview.patch.length === 0 ? 'muted' : 'text'),
    ...fact('Mode', [preview.mode === 'auto' ? 'run on' : 'hold before every step']),
    ...fact('Charges', costWords(preview, isEnforced), isEnforced ? 'warn' : 'muted'),
    ...outside(state, preview, fact),
    [],
    ...lastWords(state, preview),
  ];
}

type Fact = (name: string, texts: readonly string[], token?: 'text' | 'warn' | 'muted') => readonly Line[];

/** What happens to the world outside: again only with leave, for the first time as in any run. */
function outside(state: State, preview: Preview, fact: Fact): readonly Line[] {
  const { plan, effects } = preview;
  const first = plan.executed.filter((step) => step.effect === 'external' && !plan.repeated.includes(step));
  if (plan.repeated.length + first.length === 0) return fact('Outside', ['no step has effects outside'], 'muted');
  const silent = effects === 'recorded' ? withoutAnswer(preview) : [];
  const choice = (name: ForkEffects, words: string): Line => [span(effects === name ? ` ${state.glyphs.cursor}` : '  ', 'accent'), span(words, effects === name ? 'selection' : 'muted'), span(' ')];
  const choices: Line = [span(`${' '.repeat(14)}y`, 'key'), ...choice('ask', 'not said'), ...choice('repeat', 'let them happen'), ...choice('recorded', 'take the recorded answers')];
  return [
    ...(plan.repeated.length > 0 ? [...fact('Outside', [`these happen again: ${named(plan.repeated)}`], 'warn'), choices] : []),
    ...(silent.length > 0 ? fact('', [`no answer was recorded for ${named(silent)}`], 'warn') : []),
    ...(first.length > 0 ? fact(plan.repeated.length > 0 ? '' : 'Outside', [`for the first time: ${named(first)}`], 'muted') : []),
  ];
}

/** What it costs, as far as the parent run tells. */
function costWords({ facts }: Preview, isEnforced: boolean): readonly string[] {
  const mode = isEnforced ? 'enforced: credits are taken' : 'none: test mode';
  if (!facts) return [mode];
  const { charged, wouldHaveCharged, providerCalls, durationMs } = facts.preview;
  const credits = isEnforced ? charged : wouldHaveCharged;
  const words = [
    credits === undefined ? undefined : isEnforced ? `${plural(credits, 'credit')} in the parent run` : credits > 0 ? `${plural(credits, 'credit')} were they enforced` : undefined,
    providerCalls === undefined || providerCalls === 0 ? undefined : plural(providerCalls, 'request to the provider', 'requests to the provider'),
    durationMs > 0 ? `${formatDuration(durationMs)} of work` : undefined,
  ].filter((one) => one !== undefined);
  return [`${mode}${words.length > 0 ? `; ${words.join(', ')}` : ''}`];
}

function lastWords(state: State, preview: Preview): readonly Line[] {
  if (preview.problem) return wrap(preview.problem, state.size.columns - 2).map((text) => line(` ${text}`, 'error'));
  if (preview.sent) return [line(' Starting…', 'muted')];
  if (preview.plan.missing.length > 0 || (preview.stepKey !== undefined && preview.facts?.preview.obstacle)) return wrap(`Not possible: ${whyNotYet(preview) ?? ''}.`, state.size.columns - 2).map((text) => line(` ${text}`, 'error'));
  return [line(whyNotYet(preview) === undefined ? ' Enter runs it.' : ' Enter runs it once y has allowed what happens again outside.', 'muted')];
}

function editWords({ patch, isEdited, stepKey, parentRunId }: Preview): readonly string[] {
  const shown = patch.slice(0, SHOWN_EDITS).map((one) => `${one.op} ${one.path} ${one.value === undefined ? '' : clip(JSON.stringify(one.value), 60)}`);
  const more = patch.length > shown.length ? [`and ${patch.length - shown.length} more`] : [];
  const before = isEdited && stepKey !== undefined ? [`as edited in run ${shortId(parentRunId)}`] : [];
  return patch.length + before.length === 0 ? ['none: the same inputs'] : [...before, ...shown, ...more];
}

/** `15 steps, 12 sub-steps`, as everywhere. */
function countWords(steps: readonly StepDefinition[]): string {
  const subs = steps.filter((step) => step.key.includes('.')).length;
  return [...(steps.length > subs ? [plural(steps.length - subs, 'step')] : []), ...(subs > 0 ? [plural(subs, 'sub-step')] : [])].join(', ');
}

function named(steps: readonly StepDefinition[]): string {
  return steps.map((step) => `${step.display} ${step.name}`).join(', ');
}
