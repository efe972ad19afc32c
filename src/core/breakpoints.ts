import type { Json } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { BreakpointRow } from '../protocol/rows.ts';
import type { LogLevel } from '../protocol/vocabulary.ts';
import { evaluate, explain, shortly } from './evaluate.ts';
import type { Scope } from './evaluate.ts';
import type { Expression } from './expression.ts';
import { parseExpression } from './expression.ts';
import { formatDuration } from './format.ts';
import { levelRank } from './levels.ts';
import { isStepNamed } from './step-glob.ts';

/** A breakpoint whose texts have been read, once for the run. */
export interface ReadyBreakpoint {
  readonly row: BreakpointRow;
  readonly condition: Expression | undefined;
  readonly isCounted: (hits: number) => boolean;
  readonly message: LogMessage | undefined;
  /** Why it can never be met; whoever writes rows by hand may write one that does not parse. */
  readonly trouble: string | undefined;
}

/** The step at which something happens, as breakpoints see it. */
export interface BreakPlace {
  readonly key: string;
  readonly display: string;
  readonly name?: string | undefined;
}

/** What a run does that breakpoints may wait for. */
export type BreakEvent =
  | { readonly kind: 'before' | 'after' | 'failed'; readonly step: BreakPlace }
  | { readonly kind: 'logged'; readonly step: BreakPlace | null; readonly level: LogLevel; readonly message: string }
  /** `id` is that of the one breakpoint whose time has passed. */
  | { readonly kind: 'slow'; readonly step: BreakPlace; readonly id: string; readonly limitMs: number }
  /** Charges of the run, in credits, until now and with this one. */
  | { readonly kind: 'charged'; readonly step: BreakPlace | null; readonly before: number; readonly after: number }
  | { readonly kind: 'changed'; readonly step: BreakPlace; readonly id: string; readonly before: Json | undefined; readonly after: Json | undefined };

/** A breakpoint that was met and stops the run. */
export interface Stop {
  readonly number: number;
  /** `breakpoint #3: outputs.width = 4096`. */
  readonly reason: string;
  readonly needsApproval: boolean;
}

/** What the breakpoints of a run remember: by id, how often they were met, what they have logged, what they have said. */
export type BreakMemory = ReadonlyMap<string, { readonly hits: number; readonly lines: number; readonly isTold: boolean }>;

export interface Meeting {
  readonly stops: readonly Stop[];
  /** Lines of log points. */
  readonly lines: readonly { readonly number: number; readonly message: string }[];
  /** Said once for each breakpoint: why its condition could not be judged. */
  readonly notices: readonly { readonly number: number; readonly message: string }[];
  readonly memory: BreakMemory;
}

/** The text of a log point: texts, and expressions that stood in braces. */
export type LogMessage = readonly (string | Expression)[];

/** Reads the texts of a stored breakpoint. Never throws: what cannot be read is `trouble`. */
export function readyBreakpoint(row: BreakpointRow): ReadyBreakpoint {
  const nothing = { row, condition: undefined, isCounted: () => false, message: undefined };
  try {
    return {
      row,
      condition: row.condition === null ? undefined : parseExpression(row.condition),
      isCounted: row.hit_condition === null ? () => true : parseHitCondition(row.hit_condition),
      message: row.log_message === null ? undefined : parseLogMessage(row.log_message),
      trouble: undefined,
    };
  } catch (error) {
    return { ...nothing, trouble: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Reads how often a breakpoint is to be met before it stops: `3` and `>= 3` from the third time on, `== 3` the third
 * time only, `% 5` every fifth time; `>`, `<` and `<=` too. Throws `usage`.
 */
export function parseHitCondition(source: string): (hits: number) => boolean {
  const match = /^(>=|<=|==|=|>|<|%)?\s*(\d{1,9})$/.exec(source.trim());
  const count = Number(match?.[2]);
  if (match === null || (match[1] === '%' && count === 0)) {
    throw new UserError('usage', `"${source}" does not say how many hits`, { hint: 'Write 3 or >=3 from the third on, ==3 the third only, %5 every fifth' });
  }
  switch (match[1]) {
    case '==':
    case '=':
      return (hits) => hits === count;
    case '>':
      return (hits) => hits > count;
    case '<':
      return (hits) => hits < count;
    case '<=':
      return (hits) => hits <= count;
    case '%':
      return (hits) => hits % count === 0;
    default:
      return (hits) => hits >= count;
  }
}

/** Reads the message of a log point: `width {outputs.width} of {size(outputs.images)}`; `{{` is a brace. Throws `usage` with the place. */
export function parseLogMessage(source: string): LogMessage {
  const parts: (string | Expression)[] = [];
  let text = '';
  for (let at = 0; at < source.length; at++) {
    if (source.startsWith('{{', at) || source.startsWith('}}', at)) {
      text += source[at++]!;
    } else if (source[at] === '{') {
      const end = closing(source, at);
      if (end === undefined) throw new UserError('usage', `a brace is not closed (at character ${at + 1})`, { hint: 'Write {{ for a brace that is one' });
      if (text !== '') parts.push(text);
      text = '';
      parts.push(parseExpression(source.slice(at + 1, end)));
      at = end;
    } else text += source[at]!;
  }
  return text === '' ? parts : [...parts, text];
}

/** The place of the brace that closes the one at `from`; those within quotes do not count. */
function closing(source: string, from: number): number | undefined {
  let depth = 0;
  let quote = '';
  for (let at = from; at < source.length; at++) {
    const character = source[at]!;
    if (quote !== '') {
      if (character === '\\') at++;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at;
  }
  return undefined;
}

/**
 * Which breakpoints does this event meet, and what follows? Decided from what is here: expressions are evaluated over
 * `scope`, counts come from `memory`, and the new counts are handed back.
 *
 * A condition over what is not there does not hold, and says so once.
 */
export function meet(breakpoints: readonly ReadyBreakpoint[], event: BreakEvent, scope: Scope, memory: BreakMemory): Meeting {
  const stops: Stop[] = [];
  const lines: { number: number; message: string }[] = [];
  const notices: { number: number; message: string }[] = [];
  let changed: Map<string, { hits: number; lines: number; isTold: boolean }> | undefined;

  for (const breakpoint of breakpoints) {
    const { row } = breakpoint;
    if (!row.enabled || !isMeant(row, event)) continue;
    const known = memory.get(row.id) ?? { hits: 0, lines: 0, isTold: false };
    const remember = (next: Partial<typeof known>) => (changed ??= new Map(memory)).set(row.id, { ...known, ...changed?.get(row.id), ...next });
    const tellOnce = (message: string) => {
      if (known.isTold) return;
      notices.push({ number: row.number, message: `breakpoint #${row.number} is not met: ${message}` });
      remember({ isTold: true });
    };
    if (breakpoint.trouble !== undefined) {
      tellOnce(breakpoint.trouble);
      continue;
    }
    if (breakpoint.condition !== undefined) {
      const outcome = evaluate(breakpoint.condition, scope);
      if (outcome.kind !== 'value') tellOnce(outcome.why);
      else if (typeof outcome.value !== 'boolean') tellOnce(`its condition is ${shortly(outcome.value)}, neither true nor false`);
      if (outcome.kind !== 'value' || outcome.value !== true) continue;
    }
    const hits = known.hits + 1;
    remember({ hits });
    if (!breakpoint.isCounted(hits)) continue;
    if (breakpoint.message === undefined) {
      stops.push({ number: row.number, reason: reasonOf(breakpoint, event, scope), needsApproval: row.needs_approval });
    } else if (known.lines < limits.logPointLines) {
      lines.push({ number: row.number, message: fillIn(breakpoint.message, scope) });
      remember({ hits, lines: known.lines + 1 });
      if (known.lines + 1 === limits.logPointLines) {
        notices.push({ number: row.number, message: `log point #${row.number} has written ${limits.logPointLines.toLocaleString('en')} lines and writes no more in this run` });
      }
    }
  }
  return { stops, lines, notices, memory: changed ?? memory };
}

/** Is this the kind of event, and the step, that the breakpoint waits for? */
function isMeant(row: BreakpointRow, event: BreakEvent): boolean {
  const isHere = row.target === null || (event.step !== null && isStepNamed(row.target, event.step));
  switch (event.kind) {
    case 'before':
    case 'after':
      return row.kind === 'step' && row.moment === event.kind && isHere;
    case 'failed':
      return row.kind === 'error' && isHere;
    case 'logged':
      return row.kind === 'level' && isHere && levelRank(event.level) >= levelRank(row.level ?? 'error');
    case 'slow':
    case 'changed':
      return row.id === event.id && isHere;
    case 'charged':
      return row.kind === 'cost' && isHere && event.before < (row.threshold ?? 0) && event.after >= (row.threshold ?? 0);
  }
}

function reasonOf({ row, condition }: ReadyBreakpoint, event: BreakEvent, scope: Scope): string {
  const fields = condition === undefined ? '' : explain(condition, scope);
  const name = event.kind === 'failed' ? `error breakpoint #${row.number}` : `breakpoint #${row.number}`;
  const what = [whatHappened(row, event), fields].filter((one) => one !== '').join(', ');
  if (what !== '') return `${name}: ${what}`;
  return event.kind === 'failed' || event.step === null ? name : `${name} on ${event.step.display}`;
}

function whatHappened(row: BreakpointRow, event: BreakEvent): string {
  switch (event.kind) {
    case 'before':
    case 'after':
    case 'failed':
      return '';
    case 'logged':
      return `${event.level} ${shortly(event.message)}`;
    case 'slow':
      return `${event.step.display} has run longer than ${formatDuration(event.limitMs)}`;
    case 'charged':
      return `${event.after.toLocaleString('en')} credits charged`;
    case 'changed':
      return `${row.path} changed, ${event.before === undefined ? 'nothing' : shortly(event.before)} → ${event.after === undefined ? 'nothing' : shortly(event.after)}`;
  }
}

function fillIn(message: LogMessage, scope: Scope): string {
  const text = message
    .map((part) => {
      if (typeof part === 'string') return part;
      const outcome = evaluate(part, scope);
      if (outcome.kind !== 'value') return outcome.kind === 'none' ? '(no value)' : `(${outcome.why})`;
      return typeof outcome.value === 'string' ? outcome.value : shortly(outcome.value);
    })
    .join('');
  return text.length <= limits.logPointLength ? text : `${text.slice(0, limits.logPointLength)}…`;
}
