import { checkBreakpoint } from '../../../core/breakpoint-draft.ts';
import { flattenSteps, resolveStep } from '../../../core/step-reference.ts';
import { UserError } from '../../../protocol/error.ts';
import { BreakpointKind, type BreakpointRow } from '../../../protocol/rows.ts';
import { LogLevel } from '../../../protocol/vocabulary.ts';
import { sentence } from '../../model/sentence.ts';
import type { Field, Form } from '../../overlay.ts';
import type { BreakpointFields } from '../../outside/writes.ts';
import { choiceField, textField, valueOf } from '../form.ts';
import { expressionProblem } from './expression-problem.ts';
import type { Accepted, FormKind } from './table.ts';

/** What is known of a breakpoint before the form is shown. */
export type BreakpointStart = Partial<Pick<BreakpointRow, 'id' | 'number' | 'kind' | 'target' | 'moment' | 'condition' | 'hit_condition' | 'log_message' | 'level' | 'path' | 'threshold' | 'needs_approval'>>;

/** What each kind waits for, beside the choice. */
const kindHints: Readonly<Record<BreakpointKind, string>> = {
  step: 'before or after a step', error: 'when a step fails', level: 'at a log line this bad', slow: 'when a step takes too long', cost: 'when the run has cost so much', path: 'when a step changed this part of the state',
};

/** The form of a new breakpoint, or of one that is there. */
export function openBreakpointForm(pipelineKey: string, start: BreakpointStart): Form {
  const fields = fieldsFor(start.kind ?? 'step', (name) => startText(start, name));
  return {
    type: 'form', purpose: { kind: 'breakpoint', pipelineKey, id: start.id }, title: start.id === undefined ? `New breakpoint of ${pipelineKey}` : `Breakpoint #${start.number} of ${pipelineKey}`,
    fields, cursor: start.id === undefined && start.target === undefined ? 1 : Math.max(1, fields.findIndex((field) => field.name === 'condition')), problem: undefined, sent: false,
  };
}

function startText(start: BreakpointStart, name: string): string {
  const texts: Readonly<Record<string, string | number | null | undefined>> = {
    target: start.target, moment: start.moment, level: start.level, path: start.path, threshold: start.threshold, condition: start.condition,
    hits: start.hit_condition, log: start.log_message, approval: start.needs_approval ? 'yes' : 'no',
  };
  return String(texts[name] ?? '');
}

/** The fields that a kind has, with the values that are known. */
function fieldsFor(kind: BreakpointKind, text: (name: string) => string): readonly Field[] {
  return [
    choiceField('kind', 'Stop', kind, BreakpointKind.options, kindHints[kind]),
    ...(kind === 'cost' ? [] : [textField('target', 'Step', text('target'), kind === 'step' ? '8e, a key, or a glob like 8.*' : 'empty: any step')]),
    ...(kind === 'step' ? [choiceField('moment', 'When', text('moment') || 'before', ['before', 'after'], 'after: its outputs are there')] : []),
    ...(kind === 'level' ? [choiceField('level', 'Level', text('level') || 'error', LogLevel.options, 'this level and worse')] : []),
    ...(kind === 'slow' ? [textField('threshold', 'Longer than', text('threshold'), 'milliseconds; empty: 95 % of earlier runs')] : []),
    ...(kind === 'cost' ? [textField('threshold', 'Credits', text('threshold'), 'as much as this, or more')] : []),
    ...(kind === 'path' ? [textField('path', 'Path', text('path'), '/image/width, a JSON Pointer into the state')] : []),
    textField('condition', 'Only if', text('condition'), 'outputs.width > 4096, over inputs outputs state step run'),
    textField('hits', 'Hits', text('hits'), '3, == 3, >= 3 or % 5'),
    textField('log', 'Log instead', text('log'), 'a line with {expressions}; nothing stops then'),
    choiceField('approval', 'Approval', text('approval') || 'no', ['no', 'yes'], 'yes: goes on only when somebody approves'),
  ];
}

/** Takes the form of a breakpoint: checks what can be checked here, and asks the backend for the rest. */
export const breakpointForm: FormKind = {
  refresh: (_state, form) => {
    const kind = BreakpointKind.parse(valueOf(form.fields, 'kind'));
    const fields = fieldsFor(kind, (name) => valueOf(form.fields, name));
    const same = fields.length === form.fields.length && fields.every((field, index) => field.name === form.fields[index]!.name);
    return same ? { ...form, fields: form.fields.map((field) => (field.name === 'kind' ? { ...field, hint: kindHints[kind] } : field)) } : { ...form, fields };
  },
  accept: (state, form): Accepted => {
    if (form.purpose.kind !== 'breakpoint') return { form };
    const text = (name: string): string | null => valueOf(form.fields, name).trim() || null;
    const kind = BreakpointKind.parse(valueOf(form.fields, 'kind'));
    const { pipelineKey, id } = form.purpose;

    const named = text('target');
    let target = named;
    let unknownStep: string | undefined;
    if (named !== null && !/[*?]/.test(named)) {
      const steps = flattenSteps(state.lists.pipelines.find((one) => one.pipeline_key === pipelineKey)?.step_tree ?? []);
      try {
        target = steps.length === 0 ? named : resolveStep(named, steps).key;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        unknownStep = sentence(error.message, error.hint);
      }
    }
    const threshold = text('threshold');
    const fields: BreakpointFields = {
      kind, target, moment: kind === 'step' && text('moment') === 'after' ? 'after' : 'before', condition: text('condition'), hitCondition: text('hits'), logMessage: text('log'),
      level: kind === 'level' ? LogLevel.parse(text('level') ?? 'error') : null, path: text('path'), threshold: threshold === null ? null : Number(threshold), needsApproval: text('approval') === 'yes',
    };
    const checked = form.fields.map((field) => ({ ...field, problem: field.name === 'target' && unknownStep !== undefined ? unknownStep : fieldProblem(field.name, pipelineKey, fields) }));
    const first = checked.findIndex((field) => field.problem !== undefined);
    if (first >= 0) return { form: { ...form, problem: undefined, cursor: first, fields: checked } };
    // What is left is wrong between fields.
    const problem = expressionProblem(() => checkBreakpoint({ pipelineKey, ...fields }));
    if (problem !== undefined) return { form: { ...form, fields: checked, problem } };
    return { write: id === undefined ? { kind: 'addBreakpoint', pipelineKey, fields } : { kind: 'changeBreakpoint', id, fields } };
  },
};

/** What each field of the form is in a draft. */
const draftOf: Readonly<Record<string, keyof BreakpointFields>> = { target: 'target', threshold: 'threshold', path: 'path', condition: 'condition', hits: 'hitCondition', log: 'logMessage' };

/** What is wrong with one field alone: it is checked in a breakpoint in which all else is right. */
function fieldProblem(name: string, pipelineKey: string, fields: BreakpointFields): string | undefined {
  const part = draftOf[name];
  if (part === undefined) return undefined;
  const { kind, level } = fields;
  const sound = { pipelineKey, kind, level, target: '*', path: kind === 'path' ? '/a' : null, threshold: kind === 'cost' ? 1 : null };
  return expressionProblem(() => checkBreakpoint({ ...sound, [part]: fields[part] }));
}
