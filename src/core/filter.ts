import type { LogRow } from '../protocol/rows.ts';
import { ExecutionContext, type LogLevel } from '../protocol/vocabulary.ts';
import { didYouMean } from './closest.ts';
import { shortId } from './format.ts';
import { FilterError, filterWords, isOnSide, starred } from './filter-words.ts';
import type { FilterOperator, FilterWord } from './filter-words.ts';
import { levelRank, parseLevel } from './levels.ts';

export { FilterError };

/** What something is called that a line names by its key. */
type Named = (key: string) => string | undefined;

/** One condition; all of a filter's must hold. */
type FilterTerm =
  | { readonly field: 'text'; readonly negated: boolean; readonly text: string }
  | { readonly field: 'level'; readonly negated: boolean; readonly operator: FilterOperator; readonly levels: readonly LogLevel[] }
  | { readonly field: 'duration'; readonly negated: boolean; readonly operator: FilterOperator; readonly ms: number }
  | {
      readonly field: TextField;
      readonly negated: boolean;
      readonly patterns: readonly RegExp[];
    };

/** Fields that are text; `run` and `pipeline` tell lines of several runs apart. */
type TextField = 'context' | 'step' | 'function' | 'file' | 'type' | 'message' | 'run' | 'pipeline';

/** A parsed filter. An empty one lets everything through. */
export interface Filter {
  readonly source: string;
  readonly terms: readonly FilterTerm[];
}

/** Contexts as people read them in a log, and may type them in a filter. */
export const contextWords: Readonly<Record<ExecutionContext, string>> = {
  client: 'client',
  edge_function: 'edge',
  webhook: 'webhook',
  database: 'database',
  server: 'server',
  provider: 'provider',
};

const contexts: Readonly<Record<string, string>> = {
  db: 'database',
  ...Object.fromEntries(ExecutionContext.options.flatMap((one) => [[one, one], [contextWords[one], one]])),
};
const fieldNames: Readonly<Record<string, 'level' | 'duration' | TextField>> = {
  level: 'level',
  context: 'context',
  step: 'step',
  function: 'function',
  fn: 'function',
  file: 'file',
  type: 'type',
  message: 'message',
  msg: 'message',
  duration: 'duration',
  run: 'run',
  pipeline: 'pipeline',
};

/**
 * Parses the filter grammar of the terminal, `tail --filter` and the API: `level>=warn context=webhook
 * step=8.* "timeout" -retry`.
 *
 * Words and quoted phrases are looked for in message and data, whatever their case. A value may be a list
 * (`level=warn,error`) and have `*` in it; `step=8.*` is step 8 with its sub-steps, `file~upload` a part of
 * it. `-` or `!` in front turns a condition round. Throws {@link FilterError}.
 */
export function parseFilter(source: string): Filter {
  const terms = filterWords(source).map((word): FilterTerm => {
    const { name, operator, value, negated } = word;
    if (name === undefined) return { field: 'text', negated, text: value.toLowerCase() };
    // A word may have a tilde in it.
    if (operator === '~' && !Object.hasOwn(fieldNames, name.toLowerCase())) return { field: 'text', negated, text: `${name}~${value}`.toLowerCase() };
    return fieldTerm(name, operator === ':' ? '=' : operator!, word);
  });
  return { source, terms };
}

/** Does the text end in what may become the name of a field? As a word it would hide lines that nobody meant to hide. */
export function isHalfTyped(source: string): boolean {
  const word = /(?:^|\s)[-!]?([A-Za-z]+)$/.exec(source)?.[1]?.toLowerCase();
  return word !== undefined && Object.keys(fieldNames).some((name) => name.startsWith(word));
}

/**
 * Does a log line pass? `displayOf` gives a step key's number (`8e`) for `step=`, `pipelineOf` the pipeline of a run for
 * `pipeline=`; where nobody knows it, no condition on it holds.
 */
export function matchesFilter(filter: Filter, log: LogRow, displayOf?: Named, pipelineOf?: Named): boolean {
  return filter.terms.every((term) => holds(term, log, displayOf, pipelineOf) !== term.negated);
}

function fieldTerm(name: string, operator: FilterOperator, { value, negated, position, valueAt }: FilterWord): FilterTerm {
  const field = Object.hasOwn(fieldNames, name.toLowerCase()) ? fieldNames[name.toLowerCase()] : undefined;
  if (field === undefined) {
    throw new FilterError(
      `there is no field "${name}"`,
      position,
      didYouMean(name, Object.keys(fieldNames)) ?? `Fields are ${Object.keys(fieldNames).join(', ')}`,
    );
  }
  const values = value.split(',').filter((one) => one !== '');
  if (field === 'level') {
    const levels = values.map((one) => {
      const level = parseLevel(one);
      if (level === undefined)
        throw new FilterError(
          `"${one}" is not a level`,
          valueAt,
          didYouMean(one, ['debug', 'info', 'warn', 'error', 'critical']) ?? 'Levels are debug, info, warn, error, critical',
        );
      return level;
    });
    if (levels.length > 1 && operator !== '=' && operator !== '!=') throw new FilterError(`level${operator} takes one level`, valueAt);
    return { field, negated, operator, levels };
  }
  if (field === 'duration') {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(value);
    if (match === null) throw new FilterError(`"${value}" is not a duration`, valueAt, 'Write 250ms, 1.5s or 2m');
    return { field, negated, operator, ms: Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[(match[2] ?? 'ms') as 'ms' | 's' | 'm'] };
  }
  if (operator !== '=' && operator !== '!=' && operator !== '~') throw new FilterError(`${field} can be compared with = and != only`, position + name.length);
  const patterns = values.map((one) => {
    if (operator === '~') return new RegExp(starred(one), 'is');
    if (field !== 'context') return globPattern(one, field);
    const known = contexts[one.toLowerCase()];
    if (known === undefined && !one.includes('*'))
      throw new FilterError(
        `"${one}" is not a context`,
        valueAt,
        didYouMean(one, Object.keys(contexts)) ?? `Contexts are ${Object.values(contextWords).join(', ')}`,
      );
    return globPattern(known ?? one, field);
  });
  return { field, negated: negated !== (operator === '!='), patterns };
}

function globPattern(glob: string, field: string): RegExp {
  // `8.*` is step 8 with its sub-steps 8a, 8b; of a key, the step with all beneath it.
  if (field === 'step' && glob.endsWith('.*')) return new RegExp(`^${starred(glob.slice(0, -2))}(?:[a-z]+|\\..*)?$`, 'i');
  return new RegExp(field === 'message' ? starred(glob) : `^${starred(glob)}$`, 'is');
}

function holds(term: FilterTerm, log: LogRow, displayOf: Named | undefined, pipelineOf: Named | undefined): boolean {
  switch (term.field) {
    case 'text':
      return (
        log.message.toLowerCase().includes(term.text) || (log.data !== null && JSON.stringify(log.data).toLowerCase().includes(term.text))
      );
    case 'level':
      if (term.operator === '=') return term.levels.includes(log.log_level);
      if (term.operator === '!=') return !term.levels.includes(log.log_level);
      return isOnSide(levelRank(log.log_level), term.operator, levelRank(term.levels[0]!));
    case 'duration':
      return log.duration_ms !== null && isOnSide(log.duration_ms, term.operator, term.ms);
    default: {
      const facts = factsOf(term.field, log, displayOf, pipelineOf);
      return term.patterns.some((pattern) => facts.some((fact) => fact !== null && fact !== undefined && pattern.test(fact)));
    }
  }
}

function factsOf(field: TextField, log: LogRow, displayOf: Named | undefined, pipelineOf: Named | undefined): readonly (string | null | undefined)[] {
  switch (field) {
    case 'run':
      return [log.test_run_id, shortId(log.test_run_id)];
    case 'pipeline':
      return [pipelineOf?.(log.test_run_id)];
    case 'context':
      return [log.execution_context];
    case 'function':
      return [log.function_name];
    case 'file':
      return [log.file_path];
    case 'type':
      return [log.step_type];
    case 'message':
      return [log.message];
    case 'step': {
      const display = log.step_key === null ? undefined : displayOf?.(log.step_key);
      const stored = log.metadata['display'];
      const number = log.step_number === null ? undefined : String(log.step_number);
      return [log.step_key, log.step_name, display ?? (typeof stored === 'string' ? stored : number)];
    }
  }
}

