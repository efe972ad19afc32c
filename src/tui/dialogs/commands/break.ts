import { draftOf } from '../../../core/break-flags.ts';
import { checkBreakpoint, doubtsAbout } from '../../../core/breakpoint-draft.ts';
import { flattenSteps, resolveStep } from '../../../core/step-reference.ts';
import { UserError } from '../../../protocol/error.ts';
import type { BreakpointRow, PipelineRow } from '../../../protocol/rows.ts';
import { controlActions } from '../../actions/control.ts';
import { newBreakpointsScreen } from '../../screens/breakpoints.ts';
import { withScreen } from '../../screens/screen.ts';
import type { State } from '../../state.ts';
import { selectStep } from '../../update/open-run.ts';
import { only, told, withRun, type Update } from '../../update/result.ts';
import type { Command } from './command.ts';
import { knownOr, mayChange, openRunOf, pipelineKeys, pipelineNamed, runIds, runNamed, stepDisplays, stepNamed } from './references.ts';
import { valueOf, type Words } from './words.ts';

/** Options that say where and when to stop, in the order in which a lone one is named. */
const settingOptions = ['--if', '--after', '--hits', '--log', '--approve'];

/** As on the command line; where it names a step alone, the open run's pipeline is meant. */
export const breakCommand: Command = {
  usage: 'break [PIPELINE] STEP', help: 'set a breakpoint; a step of the open run alone is set or removed; also `list`',
  plain: (state, before) => (before.length === 0 ? [...stepDisplays(state), 'add', 'list', 'rm', ...pipelineKeys(state)] : stepsAfter(state, before)),
  options: [
    { name: '--on', value: 'WHAT', choices: () => ['error', 'level:warn', 'slow', 'slow:500ms', 'cost:5', 'path:/image'] },
    { name: '--after' },
    { name: '--if', value: "'outputs.width > 4096'" },
    { name: '--hits', value: '3|==3|%5' },
    { name: '--log', value: "'width {outputs.width}'" },
    { name: '--approve' },
    { name: '--list' },
    { name: '--remove', value: 'NUMBER' },
    { name: '--disable', value: 'NUMBER' },
    { name: '--enable', value: 'NUMBER' },
  ],
  run: (state, words) => {
    const [first, second, third] = words.plain;
    if (first === 'list') return listBreakpoints(state, second);
    if (words.options.has('--list')) return listBreakpoints(state, first);
    for (const option of ['--remove', '--disable', '--enable'] as const) {
      const number = valueOf(words, option);
      if (number !== undefined) return changeBreakpoint(state, first, number, option);
    }
    mayChange(state);
    if (first === 'rm') return changeBreakpoint(state, second, third ?? '', '--remove');
    if (first === 'add') {
      if (second === undefined || third === undefined) throw new UserError('usage', 'write it as `break add PIPELINE STEP`, or `error` for the step');
      return add(state, pipelineNamed(state, second), third, words);
    }
    const isStep = first !== undefined && isStepHere(state, first);
    const pipeline = first === undefined || isStep ? undefined : pipelineOf(state, first);
    if (words.options.size > 0) return add(state, pipeline ?? openPipeline(state), pipeline ? second : first, words);
    if (pipeline) return second === undefined ? listBreakpoints(state, pipeline.pipeline_key) : add(state, pipeline, second, words);
    if (first === undefined) throw new UserError('usage', 'it needs a step', { hint: '`break list` has those that are set' });
    return controlActions['run.breakpoint'](withRun(state, (run) => selectStep(run, stepNamed(state, first).key)));
  },
};

function isStepHere(state: State, word: string): boolean {
  const isPipeline = state.lists.pipelines.some((one) => one.pipeline_key === word);
  return state.open?.view.run !== undefined && !isPipeline && (word === 'error' || /[*?]/.test(word) || knownOr(() => stepNamed(state, word), undefined) !== undefined);
}

/** By its key, or by a run of it. */
function pipelineOf(state: State, word: string): PipelineRow | undefined {
  const run = runNamed(state, word);
  if (run?.pipeline_key) return pipelineNamed(state, run.pipeline_key);
  // Where a run is open, a word that is nothing may be meant for a step: its steps are named by whoever looks for it there.
  return state.open?.view.run && !state.lists.pipelines.some((one) => one.pipeline_key === word) ? undefined : pipelineNamed(state, word);
}

function openPipeline(state: State): PipelineRow {
  const { pipeline_key: key } = openRunOf(state).view.run;
  if (key === null) throw new UserError('usage', 'this run has no pipeline, and breakpoints belong to one');
  return pipelineNamed(state, key);
}

function stepsAfter(state: State, [first]: readonly string[]): readonly string[] {
  const pipelines = state.lists.pipelines.filter((one) => one.pipeline_key === first);
  return first === 'list' || first === 'rm' || first === 'add' ? [...pipelineKeys(state), ...runIds(state)] : pipelines.flatMap((one) => ['error', ...flattenSteps(one.step_tree).map((step) => step.display)]);
}

function add(state: State, pipeline: PipelineRow, step: string | undefined, words: Words): Update {
  mayChange(state);
  const on = valueOf(words, '--on');
  const lone = step === undefined && on === undefined ? settingOptions.find((one) => words.options.has(one)) : undefined;
  if (lone !== undefined) throw new UserError('usage', `${lone} needs to know where`, { hint: 'Name a step, or say --on error, level:warn, slow, cost:5 or path:/image' });
  const { pipelineKey, ...fields } = draftOf(pipeline, step, {
    on, after: words.options.has('--after'), if: valueOf(words, '--if'), hits: valueOf(words, '--hits'), log: valueOf(words, '--log'), approve: words.options.has('--approve'),
  });
  const doubts = doubtsAbout(checkBreakpoint({ pipelineKey, ...fields }), flattenSteps(pipeline.step_tree));
  return only(told(state, 'Setting the breakpoint…'), { type: 'write', write: { kind: 'addBreakpoint', pipelineKey, fields, doubts } });
}

function listBreakpoints(state: State, pipeline: string | undefined): Update {
  const { pipeline_key: key } = pipeline === undefined ? openPipeline(state) : (pipelineOf(state, pipeline) ?? pipelineNamed(state, pipeline));
  return only(withScreen(state, newBreakpointsScreen(key)));
}

function changeBreakpoint(state: State, pipeline: string | undefined, which: string, option: '--remove' | '--disable' | '--enable'): Update {
  mayChange(state);
  const { pipeline_key: key } = pipeline === undefined ? openPipeline(state) : (pipelineOf(state, pipeline) ?? pipelineNamed(state, pipeline));
  const found = breakpointNamed(state, key, which);
  if (!found) throw new UserError('not-found', `no breakpoint ${which} of ${key}`, { hint: '`break list PIPELINE` has their numbers' });
  if (option === '--remove') return only(told(state, `Breakpoint #${found.number} removed.`), { type: 'removeBreakpoint', id: found.id });
  const enabled = option === '--enable';
  return only(told(state, `Breakpoint #${found.number} is ${enabled ? 'on' : 'off'}.`), { type: 'setBreakpoint', id: found.id, enabled });
}

/** By its number, or by the step it is on; a number that is both means the step, as on the command line. */
function breakpointNamed(state: State, key: string, which: string): BreakpointRow | undefined {
  const rows = state.lists.breakpoints.filter((one) => one.pipeline_key === key);
  const byNumber = rows.find((one) => String(one.number) === which.replace('#', ''));
  if (which.startsWith('#')) return byNumber;
  const target = knownOr(() => resolveStep(which, flattenSteps(pipelineNamed(state, key).step_tree)).key, which);
  const byStep = which === 'error' ? rows.find((one) => one.kind === 'error') : rows.find((one) => one.target === target);
  return byStep ?? byNumber;
}
