import { didYouMean } from '../../../core/closest.ts';
import { shortId } from '../../../core/format.ts';
import { flattenSteps, resolveStep } from '../../../core/step-reference.ts';
import { UserError } from '../../../protocol/error.ts';
import type { PipelineRow, RunRow } from '../../../protocol/rows.ts';
import { cannotChange } from '../../keymap/reasons.ts';
import { stepsOf, type Step } from '../../model/steps.ts';
import type { OpenRun, State } from '../../state.ts';

/** Fewer characters than this name a run by accident. */
const SHORTEST_RUN = 4;

export function openRunOf(state: State): OpenRun & { readonly view: { readonly run: RunRow } } {
  const run = state.open;
  if (!run?.view.run) throw new UserError('usage', 'no run is open', { hint: 'Name one: its id, the last characters of it, or `last`' });
  return run as OpenRun & { readonly view: { readonly run: RunRow } };
}

/** The run that a word names among those in the list, or undefined: then it may be a step. */
export function runNamed(state: State, word: string | undefined): RunRow | undefined {
  const runs = state.lists.runs ?? [];
  if (word === 'last') return runs[0];
  if (word === undefined || word.length < SHORTEST_RUN) return undefined;
  const found = [...(state.open?.view.run ? [state.open.view.run] : []), ...runs].filter((run) => run.test_run_id.startsWith(word) || run.test_run_id.endsWith(word));
  const ids = new Set(found.map((run) => run.test_run_id));
  if (ids.size > 1) throw new UserError('usage', `"${word}" fits ${ids.size} runs`, { hint: [...ids].slice(0, 5).map(shortId).join(', ') });
  return found[0];
}

/** The run of a word, or the open one. */
export function runOf(state: State, word: string | undefined): RunRow {
  if (word === undefined) return openRunOf(state).view.run;
  const found = runNamed(state, word);
  if (!found) throw new UserError('not-found', `no run "${word}" in the list`, { hint: didYouMean(word, (state.lists.runs ?? []).map((run) => shortId(run.test_run_id))) ?? '`show ID` opens older ones' });
  return found;
}

export function isOpen(state: State, run: RunRow): boolean {
  return state.open?.runId === run.test_run_id;
}

/** A step of the open run, those that it did not declare among them. */
export function stepNamed(state: State, word: string): Step {
  return resolveStep(word, stepsOf(openRunOf(state).view));
}

/** Key of a step of any run. */
export function stepKeyOf(state: State, run: RunRow, word: string): string {
  return isOpen(state, run) ? stepNamed(state, word).key : resolveStep(word, flattenSteps(run.step_tree ?? [])).key;
}

export function pipelineNamed(state: State, word: string): PipelineRow {
  const keys = state.lists.pipelines.map((one) => one.pipeline_key);
  const found = state.lists.pipelines.find((one) => one.pipeline_key === word);
  if (found) return found;
  throw new UserError('not-found', `no pipeline "${word}"`, { hint: didYouMean(word, keys) ?? (keys.length === 0 ? 'No runner has registered one' : `There are ${keys.join(', ')}`) });
}

/** What a word names, or the other thing where it names nothing. */
export function knownOr<Named, Other>(find: () => Named, other: Other): Named | Other {
  try {
    return find();
  } catch (error) {
    if (error instanceof UserError) return other;
    throw error;
  }
}

/** Throws when nothing may be changed now. */
export function mayChange(state: State): void {
  const why = cannotChange(state);
  if (why !== undefined) throw new UserError('forbidden', why);
}

export const runIds = (state: State): readonly string[] => ['last', ...(state.lists.runs ?? []).map((run) => shortId(run.test_run_id))];
export const pipelineKeys = (state: State): readonly string[] => state.lists.pipelines.map((one) => one.pipeline_key);
export const stepDisplays = (state: State): readonly string[] => (state.open ? stepsOf(state.open.view).map((step) => step.display) : []);
