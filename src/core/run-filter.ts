import type { RunRow } from '../protocol/rows.ts';
import { RunStatus } from '../protocol/vocabulary.ts';
import { didYouMean } from './closest.ts';
import { FilterError, filterWords, isOnSide } from './filter-words.ts';
import type { FilterOperator, FilterWord } from './filter-words.ts';
import { isLike, isStepNamed } from './step-glob.ts';
import { flattenSteps } from './step-reference.ts';

/** Fields that are text in one column of a run, by the names people type. */
const columns = {
  pipeline: 'pipeline_key',
  model: 'model_name',
  name: 'bookmark_name',
  notes: 'notes',
  note: 'notes',
  error: 'error_message',
  run: 'test_run_id',
  id: 'test_run_id',
  parent: 'parent_run_id',
  commit: 'git_commit',
  env: 'environment',
  environment: 'environment',
} as const satisfies Record<string, keyof RunRow>;
export type TextColumn = (typeof columns)[keyof typeof columns];

/** Columns in which words are looked for; tags and the status besides. */
export const searchedColumns = ['test_run_id', 'pipeline_key', 'model_name', 'error_message', 'notes', 'bookmark_name'] as const satisfies readonly (keyof RunRow)[];

const fieldNames = ['status', 'tag', 'step', 'since', 'until', 'duration', 'cost', ...Object.keys(columns)];

/** One condition; all of a filter's must hold. Texts are compared whatever their case, but for a tag that is named whole. */
export type RunTerm = { readonly negated: boolean } & (
  | { readonly field: 'words'; readonly text: string }
  | { readonly field: 'bookmarked' }
  | { readonly field: 'status'; readonly statuses: readonly RunStatus[] }
  /** `globs` may have `*` in them; with `isPart` they may stand anywhere in the text. */
  | { readonly field: 'column'; readonly column: TextColumn; readonly globs: readonly string[]; readonly isPart: boolean }
  | { readonly field: 'tag'; readonly globs: readonly string[]; readonly isPart: boolean }
  /** The step at which a run failed, or stands. */
  | { readonly field: 'step'; readonly targets: readonly string[] }
  | { readonly field: 'created'; readonly operator: '>=' | '<'; readonly atMs: number }
  /** Milliseconds, or credits. */
  | { readonly field: 'duration' | 'cost'; readonly operator: FilterOperator; readonly bound: number }
);

/** A parsed filter over runs. An empty one lets all through. */
export interface ParsedRunFilter {
  readonly source: string;
  readonly terms: readonly RunTerm[];
}

/**
 * Parses the filter of the list of runs: `status=failed model=flux* tag=x since=2d duration>30s cost>5 step=8e
 * error~"timeout" bookmarked "words"`.
 *
 * The grammar is that of logs (`filter.ts`): lists with commas, `*`, `-` or `!` in front. `~` and `:` look for a part;
 * `status:fail` is every status that begins so. `since` and `until` take an age or a date.
 *
 * @param nowMs What ages are counted from.
 * @throws FilterError with the place.
 */
export function parseRunFilter(source: string, nowMs: number): ParsedRunFilter {
  return { source, terms: filterWords(source).map((word) => termOf(word, nowMs)) };
}

/** Does the text end in what may become the name of a field? As a word it would hide runs that nobody meant to hide. */
export function isHalfTypedRunFilter(source: string): boolean {
  const word = /(?:^|\s)[-!]?([A-Za-z]+)$/.exec(source)?.[1]?.toLowerCase();
  return word !== undefined && [...fieldNames, 'bookmarked'].some((name) => name !== word && name.startsWith(word));
}

/** Does it ask for what a run has cost? That does not stand in its row. */
export function asksForCost(filter: ParsedRunFilter): boolean {
  return filter.terms.some((term) => term.field === 'cost');
}

/** Does a run pass? `costOf` gives what it has cost in credits; without it no condition on the cost holds. */
export function matchesRunFilter(filter: ParsedRunFilter, run: RunRow, costOf?: (runId: string) => number): boolean {
  return filter.terms.every((term) => holds(term, run, costOf) !== term.negated);
}

function termOf(word: FilterWord, nowMs: number): RunTerm {
  const { name, operator, value, negated, position, valueAt } = word;
  // Patterns are for lines of a log; what runs say is short.
  if (word.isPattern) return { field: 'words', negated, text: `/${value}/` };
  if (name === undefined) {
    const isFlag = !word.isQuoted && (value === 'bookmarked' || value === '*');
    return isFlag ? { field: 'bookmarked', negated } : { field: 'words', negated, text: value };
  }
  const field = name.toLowerCase();
  const isEqual = operator === '=' || operator === '!=' || operator === '~' || operator === ':';
  const not = negated !== (operator === '!=');
  const values = value.split(',').filter((one) => one !== '');
  const parted = { negated: not, globs: values, isPart: operator === '~' || operator === ':' };
  const equalOnly = <Term>(term: () => Term): Term => {
    if (!isEqual) throw new FilterError(`${field} can be compared with =, != and ~ only`, position + name.length);
    return term();
  };
  if (Object.hasOwn(columns, field)) return equalOnly(() => ({ field: 'column', column: columns[field as keyof typeof columns], ...parted }));
  switch (field) {
    case 'tag':
      return equalOnly(() => ({ field, ...parted }));
    case 'step':
      return equalOnly(() => ({ field, negated: not, targets: operator === '~' ? values.map((one) => `*${one}*`) : values }));
    case 'status':
      return equalOnly(() => ({ field, negated: not, statuses: values.flatMap((one) => statusesOf(one, parted.isPart, valueAt)) }));
    case 'since':
    case 'until':
      if (!isEqual) throw new FilterError(`write ${field}=2d`, position + name.length);
      return { field: 'created', negated: not, operator: field === 'since' ? '>=' : '<', atMs: timeOf(value, nowMs, valueAt) };
    case 'duration':
    case 'cost':
      return { field, negated, operator: operator!, bound: field === 'cost' ? creditsOf(value, valueAt) : durationOf(value, valueAt) };
    default:
      throw new FilterError(`there is no field "${name}"`, position, didYouMean(name, fieldNames) ?? `Fields are ${fieldNames.join(', ')}`);
  }
}

function statusesOf(typed: string, isHead: boolean, at: number): readonly RunStatus[] {
  const wanted = typed.toLowerCase() === 'canceled' ? 'cancelled' : typed.toLowerCase();
  const found = RunStatus.options.filter((status) => (isHead ? status.startsWith(wanted) : status === wanted));
  if (found.length > 0) return found;
  throw new FilterError(`"${typed}" is not a status`, at, didYouMean(typed, RunStatus.options) ?? `They are ${RunStatus.options.join(', ')}`);
}

const unitMs = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const amount = /^(\d+(?:\.\d+)?)(ms|min|[smhdw])?$/;

function durationOf(value: string, at: number): number {
  const match = amount.exec(value);
  if (match === null) throw new FilterError(`"${value}" is not a duration`, at, 'Write 250ms, 1.5s, 2m or 3h');
  return Number(match[1]) * unitMs[(match[2] ?? 'ms') as keyof typeof unitMs];
}

function creditsOf(value: string, at: number): number {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new FilterError(`"${value}" is not a number of credits`, at);
  return Number(value);
}

/** `2d` before now, or a date: in the time zone of whoever types it unless it names one. Throws {@link FilterError}, with `at` as the place. */
export function timeOf(value: string, nowMs: number, at: number): number {
  const match = amount.exec(value);
  if (match?.[2] !== undefined) return nowMs - Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
  const date = /^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00` : value;
  const time = /^\d{4}-\d{2}-\d{2}T/.test(date) ? Date.parse(date) : NaN;
  if (Number.isNaN(time)) throw new FilterError(`"${value}" is not a time`, at, 'Write 30m, 2h, 3d, 1w, or a date as 2026-11-01');
  return time;
}

function holds(term: RunTerm, run: RunRow, costOf: ((runId: string) => number) | undefined): boolean {
  switch (term.field) {
    case 'words': {
      const wanted = term.text.toLowerCase();
      return [...searchedColumns.map((column) => run[column]), run.status, ...run.tags].some((text) => text !== null && text.toLowerCase().includes(wanted));
    }
    case 'bookmarked':
      return run.bookmarked;
    case 'status':
      return term.statuses.includes(run.status);
    case 'column': {
      const text = run[term.column];
      return text !== null && term.globs.some((glob) => isWritten(text, glob, term.isPart));
    }
    case 'tag':
      return term.globs.some((glob) => run.tags.some((tag) => (isWholeTag(glob, term.isPart) ? tag === glob : isWritten(tag, glob, term.isPart))));
    case 'step':
      return term.targets.some((target) => isAtStep(run, target));
    case 'created':
      return isOnSide(Date.parse(run.created_at), term.operator, term.atMs);
    case 'duration':
      return run.total_duration_ms !== null && isOnSide(run.total_duration_ms, term.operator, term.bound);
    case 'cost':
      return costOf !== undefined && isOnSide(costOf(run.test_run_id), term.operator, term.bound);
  }
}

/** Is a tag named as it is written? Then a database finds it by its index. */
export function isWholeTag(glob: string, isPart: boolean): boolean {
  return !isPart && !glob.includes('*');
}

function isWritten(text: string, glob: string, isPart: boolean): boolean {
  const wanted = glob.toLowerCase();
  return isLike(text.toLowerCase(), isPart ? `*${wanted}*` : wanted);
}

function isAtStep(run: RunRow, target: string): boolean {
  const at = run.failed_step ?? run.current_step;
  if (at === null) return false;
  const known = flattenSteps(run.step_tree ?? []).find((step) => step.key === at);
  if (known === undefined) return isStepNamed(target, { key: at, display: at });
  return isStepNamed(target, known) || isStepNamed(target, { key: known.name, display: at.split('.').at(-1)! }) || (known.aliases ?? []).some((alias) => alias.toLowerCase() === target.toLowerCase());
}
