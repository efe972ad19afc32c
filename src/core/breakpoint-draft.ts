import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { BreakpointRow } from '../protocol/rows.ts';
import type { LogLevel } from '../protocol/vocabulary.ts';
import { parseHitCondition, parseLogMessage } from './breakpoints.ts';
import { evaluate, shortly } from './evaluate.ts';
import { fieldsOf, parseExpression, spell } from './expression.ts';
import { formatDuration } from './format.ts';
import { isStepNamed } from './step-glob.ts';
import type { KnownStep } from './step-reference.ts';

/** A breakpoint as a person asks for it. What is left out is as a breakpoint before a step has it. */
export interface BreakpointDraft {
  readonly pipelineKey: string;
  readonly kind: BreakpointRow['kind'];
  readonly target: string | null;
  readonly moment?: BreakpointRow['moment'] | undefined;
  readonly condition?: string | null | undefined;
  readonly hitCondition?: string | null | undefined;
  readonly logMessage?: string | null | undefined;
  readonly level?: LogLevel | null | undefined;
  readonly path?: string | null | undefined;
  /** Milliseconds for `slow`, credits for `cost`. */
  readonly threshold?: number | null | undefined;
  readonly needsApproval?: boolean | undefined;
}

/** Columns of a breakpoint that people write. */
export type BreakpointColumns = Pick<
  BreakpointRow,
  'pipeline_key' | 'kind' | 'target' | 'moment' | 'condition' | 'hit_condition' | 'log_message' | 'level' | 'path' | 'threshold' | 'needs_approval'
>;

/** The row of a draft. Throws `usage`, with the place in a text that does not parse, for what could never be met. */
export function checkBreakpoint(draft: BreakpointDraft): BreakpointColumns {
  const { kind } = draft;
  const row = {
    pipeline_key: draft.pipelineKey,
    kind,
    target: draft.target,
    moment: draft.moment ?? 'before',
    condition: given(draft.condition),
    hit_condition: given(draft.hitCondition),
    log_message: given(draft.logMessage),
    level: kind === 'level' ? (draft.level ?? 'error') : null,
    path: kind === 'path' ? (draft.path ?? null) : null,
    threshold: kind === 'slow' || kind === 'cost' ? (draft.threshold ?? null) : null,
    needs_approval: draft.needsApproval ?? false,
  } as const satisfies BreakpointColumns;
  if (kind === 'step' && row.target === null) throw new UserError('usage', 'a breakpoint on a step needs the step', { hint: 'Name it by number, key or a pattern, as in `8.*`; `*` is any' });
  if (kind !== 'step' && row.moment === 'after') throw new UserError('usage', `a breakpoint on ${kind} has no before and after`);
  if (kind === 'path' && (row.path === null || !row.path.startsWith('/') || row.path === '/')) {
    throw new UserError('usage', `"${row.path ?? ''}" names no place in the state`, { hint: 'Write it as in `/image` or `/images/0/width`' });
  }
  if (kind === 'cost' && row.threshold === null) throw new UserError('usage', 'a breakpoint on cost needs the credits', { hint: 'As in `cost:5`' });
  if (row.threshold !== null && !(Number.isFinite(row.threshold) && row.threshold >= 0)) throw new UserError('usage', `${row.threshold} is no threshold`);
  if (row.log_message !== null && row.needs_approval) throw new UserError('usage', 'a log point stops nothing, so there is nothing to approve');
  if (row.log_message !== null && row.log_message.length > limits.expressionLength) throw new UserError('usage', `a log message may have ${limits.expressionLength} characters`);
  if (row.condition !== null) refuseConstant(row.condition);
  if (row.hit_condition !== null) {
    parseHitCondition(row.hit_condition);
    if (/^(?:>=|<=|==|=|<)?\s*0+$/.test(row.hit_condition)) throw new UserError('usage', `hits are counted from 1, not ${row.hit_condition}`, { hint: 'Write 3 or >=3 from the third on, ==3 the third only, %5 every fifth' });
  }
  if (row.log_message !== null) parseLogMessage(row.log_message);
  return row;
}

/** A condition that asks for nothing is the same every time: it must at least be true or false. */
function refuseConstant(condition: string): void {
  const expression = parseExpression(condition);
  const outcome = fieldsOf(expression).length === 0 ? evaluate(expression, () => undefined) : undefined;
  if (outcome?.kind !== 'value' || typeof outcome.value === 'boolean') return;
  throw new UserError('usage', `the condition is always ${shortly(outcome.value)}, neither true nor false`, { hint: 'Compare something, as in `outputs.width > 4096`' });
}

/**
 * What a person should know of a breakpoint that can be stored: that no step of the pipeline is meant, as it now stands,
 * or that it asks for what is not there yet.
 */
export function doubtsAbout(row: Pick<BreakpointColumns, 'target' | 'kind' | 'moment' | 'condition'>, steps: readonly KnownStep[]): readonly string[] {
  const { target, condition } = row;
  const isUnknown = target !== null && steps.length > 0 && !steps.some((step) => isStepNamed(target, step));
  const isEarly = row.kind === 'step' && row.moment === 'before' && condition !== null && fieldsOf(parseExpression(condition)).some((field) => /^outputs\b/.test(spell(field)));
  return [
    ...(isUnknown ? [`no step of the pipeline is ${target}; the steps are ${steps.map((step) => step.display).join(', ')}`] : []),
    ...(isEarly ? ['before a step there are no outputs yet, so the condition never holds; stop after it (--after) to ask for them'] : []),
  ];
}

/** Where a breakpoint stops and when, for a person: `before 8e Provider API Call, if outputs.width > 4096, from hit 3 on`. */
export function breakpointWords(row: BreakpointColumns, steps: readonly KnownStep[]): string {
  const { hit_condition: hits } = row;
  return [
    whereWords(row, steps),
    row.condition === null ? '' : `if ${row.condition}`,
    hits === null ? '' : /^\d+$/.test(hits) ? `from hit ${hits} on` : `hits ${hits}`,
    row.log_message === null ? '' : `logs "${row.log_message}"`,
    row.needs_approval ? 'asks for approval' : '',
  ].filter((part) => part !== '').join(', ');
}

function whereWords(row: BreakpointColumns, steps: readonly KnownStep[]): string {
  const step = steps.find((one) => one.key === row.target || one.display === row.target);
  const named = row.target === '*' ? 'any step' : step === undefined ? row.target : `${step.display} ${step.name}`;
  const within = row.target === null ? '' : ` in ${named}`;
  switch (row.kind) {
    case 'step':
      return `${row.moment} ${named}`;
    case 'error':
      return `on error${within}`;
    case 'level':
      return `at a line of level ${row.level} or above${within}`;
    case 'slow':
      return `when ${row.target === null ? 'a step' : named} runs longer than ${row.threshold === null ? '95 of 100 earlier runs' : formatDuration(row.threshold)}`;
    case 'cost':
      return `when ${row.threshold} credits are charged${within}`;
    case 'path':
      return `when ${row.path} changes${within}`;
  }
}

function given(text: string | null | undefined): string | null {
  return text === undefined || text === null || text.trim() === '' ? null : text.trim();
}
