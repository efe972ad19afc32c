import { pointer, valueAt } from '../../../core/json-diff.ts';
import { behaviours, parseBehaviour } from '../../../core/simulator-behaviour.ts';
import { flattenSteps, resolveStep } from '../../../core/step-reference.ts';
import { UserError } from '../../../protocol/error.ts';
import type { Json, JsonObject, PatchOperation } from '../../../protocol/json.ts';
import { ForkEffects, RunRequest } from '../../../protocol/run-request.ts';
import { snapshotKey } from '../../model/detail.ts';
import type { Step } from '../../model/steps.ts';
import type { State } from '../../state.ts';
import { cannotRerun, cannotRerunAll } from '../../keymap/reasons.ts';
import { selectStep } from '../../update/open-run.ts';
import { only, withRun } from '../../update/result.ts';
import { openPreview, previewOf } from '../preview.ts';
import { parseTyped } from '../typed-value.ts';
import type { Command } from './command.ts';
import { isOpen, mayChange, openRunOf, pipelineKeys, pipelineNamed, runIds, runNamed, runOf, stepDisplays, stepNamed } from './references.ts';
import { oneOf, valueOf, type Words } from './words.ts';

/** Commands that make runs. */
export const startCommands: Readonly<Record<string, Command>> = {
  run: {
    usage: 'run PIPELINE', help: 'start a pipeline; without --input with its example inputs',
    plain: pipelineKeys, inShell: ['--on-lease-end', '--no-exchanges'],
    options: [
      { name: '--input', short: '-i', value: 'NAME=VALUE' },
      { name: '--model', value: 'NAME', choices: (state) => state.lists.models.map((one) => one.model_record_id) },
      { name: '--mode', value: 'auto|step', choices: () => ['auto', 'step'] },
      { name: '--break', short: '-b', value: 'STEP', choices: (state) => [...new Set(state.lists.pipelines.flatMap((one) => flattenSteps(one.step_tree).map((step) => step.display)))] },
      { name: '--billing', value: 'test|enforced', choices: () => ['test', 'enforced'] },
      { name: '--provider', value: 'simulator|replicate', choices: () => ['simulator', 'replicate'] },
      { name: '--simulate', value: 'BEHAVIOUR', choices: () => Object.keys(behaviours) },
      { name: '--tag', value: 'TAG' },
    ],
    run: (state, words) => {
      const request = runRequest(state, words);
      return only({ ...state, home: { ...state.home, starting: true } }, { type: 'start', request });
    },
  },
  fork: {
    usage: 'fork [STEP]', help: 'a look at a rerun, from a step of the open run or the selected one',
    plain: (state) => [...stepDisplays(state), ...runIds(state)],
    options: [
      { name: '--from', short: '-s', value: 'STEP', choices: stepDisplays },
      { name: '--set', value: 'PATH=VALUE' },
      { name: '--effects', value: ForkEffects.options.join('|'), choices: () => ForkEffects.options },
      { name: '--repeat-effects' },
      // The look at what it would do comes first here in any case.
      { name: '--preview' },
    ],
    inShell: ['--patch'],
    run: (state, words) => {
      const step = forkStep(state, words);
      const next = step ? withRun(state, (run) => selectStep(run, step.key)) : state;
      const why = cannotRerun(next);
      if (why !== undefined) throw new UserError('conflict', why);
      const preview = previewOf(next, next.open!.selected);
      const patch = readPatch(words.options.get('--set') ?? [], next, stepNamed(next, next.open!.selected!));
      const effects = words.options.has('--repeat-effects') ? 'repeat' : (oneOf(words, '--effects', ForkEffects.options) ?? 'ask');
      return openPreview(next, { ...preview, patch: [...preview.patch, ...patch], effects });
    },
  },
};

function runRequest(state: State, words: Words): RunRequest {
  mayChange(state);
  const [key] = words.plain;
  if (key === undefined) throw new UserError('usage', 'run needs the key of a pipeline', { hint: `There are ${pipelineKeys(state).join(', ')}` });
  if (/\.[cm]?[jt]sx?$|[\\/]/.test(key)) {
    throw new UserError('usage', 'a file is loaded by a process of its own', { hint: 'In a shell `stepscope run FILE` runs it, and `stepscope runner FILE` registers its pipelines for here' });
  }
  const pipeline = pipelineNamed(state, key);
  const simulate = valueOf(words, '--simulate');
  parseBehaviour(simulate);
  const given = words.options.get('--input') ?? [];
  const steps = flattenSteps(pipeline.step_tree);
  return RunRequest.parse({
    pipeline: pipeline.pipeline_key,
    inputs: given.length === 0 ? pipeline.example_inputs : Object.fromEntries(given.map((one) => readInput(one, pipeline.inputs_schema))),
    model: valueOf(words, '--model') ?? pipeline.models[0],
    mode: oneOf(words, '--mode', ['auto', 'step']),
    billing: oneOf(words, '--billing', ['test', 'enforced']),
    tags: words.options.get('--tag'),
    options: {
      provider: oneOf(words, '--provider', ['simulator', 'replicate']),
      simulate,
      breakAt: (words.options.get('--break') ?? []).map((one) => resolveStep(one, steps).key),
    },
  });
}

function readInput(text: string, schema: JsonObject): readonly [string, Json] {
  if (text.startsWith('@')) throw new UserError('usage', 'inputs are not read from files here', { hint: 'Type name=value, use the form (N), or `stepscope run` in a shell' });
  const { path, value } = split(text, '--input');
  return [path, parseTyped(value, propertyOf(schema, [path]))];
}

function split(text: string, option: string): { readonly path: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw new UserError('usage', `${option} ${text}: write it as name=value`);
  return { path: text.slice(0, at), value: text.slice(at + 1) };
}

function propertyOf(schema: JsonObject | undefined, path: readonly string[]): JsonObject {
  let here: JsonObject = schema ?? {};
  for (const part of path) here = ((here['properties'] as JsonObject | undefined)?.[part] ?? here['items'] ?? {}) as JsonObject;
  return here;
}

/** The step a fork begins at, where one is named. A run that is named must be the one that is open: its steps are at hand. */
function forkStep(state: State, words: Words): Step | undefined {
  const from = valueOf(words, '--from');
  const [first] = words.plain;
  const run = from !== undefined && first !== undefined ? runOf(state, first) : runNamed(state, first);
  if (run && !isOpen(state, run)) throw new UserError('usage', 'that run is not open', { hint: `Open it first: show ${first ?? ''}` });
  openRunOf(state);
  const why = cannotRerunAll(state);
  if (why !== undefined) throw new UserError('conflict', why);
  const step = from ?? (run ? undefined : first);
  return step === undefined ? undefined : stepNamed(state, step);
}

/** `--set path=value` as operations on the inputs of the step. */
function readPatch(given: readonly string[], state: State, step: Step): readonly PatchOperation[] {
  const recorded = step.row && state.open!.snapshots[snapshotKey(step.key, step.row.attempt)]?.snapshot?.inputs;
  return given.map((one) => {
    const { path, value } = split(one, '--set');
    const parts = path.split('.');
    const at = path.startsWith('/') ? path : pointer(parts);
    const old = recorded ? valueAt(recorded, at) : undefined;
    const property = propertyOf(step.definition?.inputSchema, parts);
    const typed = parseTyped(value, 'type' in property ? property : typeof old === 'string' ? { type: 'string' } : {});
    return { op: old === undefined ? 'add' : 'replace', path: at, value: typed };
  });
}
