import type { LogRow } from '../protocol/rows.ts';
import { ExecutionContext, LogLevel } from '../protocol/vocabulary.ts';
import { didYouMean } from './closest.ts';
import { shortId } from './format.ts';
import { FilterError, filterWords, isOnSide } from './filter-words.ts';
import type { FilterOperator, FilterWord } from './filter-words.ts';
import { globTest, type TextTest } from './glob.ts';
import { levelRank, parseLevel } from './levels.ts';
import { linearPattern } from './linear-pattern.ts';

export { FilterError };

/** What something is called that a line names by its key. */
type Named = (key: string) => string | undefined;

/** One condition; all of a filter's must hold. */
type FilterTerm =
  | { readonly field: 'text'; readonly negated: boolean; readonly text: string }
  | { readonly field: 'pattern'; readonly negated: boolean; readonly test: TextTest }
  | { readonly field: 'level'; readonly negated: boolean; readonly operator: FilterOperator; readonly levels: readonly LogLevel[] }
  | { readonly field: 'duration'; readonly negated: boolean; readonly operator: FilterOperator; readonly ms: number }
  | {
      readonly field: TextField;
      readonly negated: boolean;
      readonly tests: readonly TextTest[];
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
 * it. `-` or `!` in front turns a condition round. `/took \d{3,} ms/` is a regular expression, looked for where words are.
 * Throws {@link FilterError}.
 */
export function parseFilter(source: string): Filter {
  const terms = filterWords(source).map((word): FilterTerm => {
    const { name, operator, value, negated } = word;
    if (word.isPattern) return { field: 'pattern', negated, test: linearPattern(value, word.valueAt) };
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
  const tests = values.map((one) => {
    if (operator === '~') return globTest(one, false);
    if (field !== 'context') return fieldTest(one, field);
    const known = contexts[one.toLowerCase()];
    if (known === undefined && !one.includes('*'))
      throw new FilterError(
        `"${one}" is not a context`,
        valueAt,
        didYouMean(one, Object.keys(contexts)) ?? `Contexts are ${Object.values(contextWords).join(', ')}`,
      );
    return fieldTest(known ?? one, field);
  });
  return { field, negated: negated !== (operator === '!='), tests };
}

function fieldTest(glob: string, field: string): TextTest {
  if (field !== 'step' || !glob.endsWith('.*')) return globTest(glob, field !== 'message');
  // `8.*` is step 8 with its sub-steps 8a, 8b; of a key, the step with all beneath it.
  const [step, beneath] = [globTest(glob.slice(0, -2), true), globTest(glob, true)];
  return (text) => {
    if (beneath(text)) return true;
    const letters = /[a-z]*$/i.exec(text)![0].length;
    return Array.from({ length: letters + 1 }, (_, cut) => text.slice(0, text.length - cut)).some(step);
  };
}

/** What a filter asks of a line that can be told without its row. A line may pass only where both hold, and `words` stand in its text. */
export interface FilterFacts {
  readonly level: (rank: number) => boolean;
  readonly context: (context: ExecutionContext) => boolean;
  /** In lower case. */
  readonly words: readonly string[];
  /** Nothing else is asked: a line that has these, and all words in message or data, passes. */
  readonly areAll: boolean;
}

export function filterFacts(filter: Filter): FilterFacts {
  const levels = filter.terms.filter((term) => term.field === 'level');
  const inContexts = filter.terms.filter((term): term is Extract<FilterTerm, { readonly tests: unknown }> => term.field === 'context');
  const words = filter.terms.flatMap((term) => (term.field === 'text' && !term.negated ? [term.text] : []));
  const passing = LogLevel.options.map((level) => levels.every((term) => hasLevel(term, level) !== term.negated));
  return {
    level: (rank) => passing[rank]!,
    context: (context) => inContexts.every((term) => term.tests.some((test) => test(context)) !== term.negated),
    words,
    areAll: levels.length + inContexts.length + words.length === filter.terms.length,
  };
}

function hasLevel({ operator, levels }: Extract<FilterTerm, { field: 'level' }>, level: LogLevel): boolean {
  if (operator === '=') return levels.includes(level);
  if (operator === '!=') return !levels.includes(level);
  return isOnSide(levelRank(level), operator, levelRank(levels[0]!));
}

function holds(term: FilterTerm, log: LogRow, displayOf: Named | undefined, pipelineOf: Named | undefined): boolean {
  switch (term.field) {
    case 'text':
      return log.message.toLowerCase().includes(term.text) || (log.data !== null && JSON.stringify(log.data).toLowerCase().includes(term.text));
    case 'pattern':
      return term.test(log.message) || (log.data !== null && term.test(JSON.stringify(log.data)));
    case 'level':
      return hasLevel(term, log.log_level);
    case 'duration':
      return log.duration_ms !== null && isOnSide(log.duration_ms, term.operator, term.ms);
    default: {
      const facts = factsOf(term.field, log, displayOf, pipelineOf);
      return term.tests.some((test) => facts.some((fact) => fact !== null && fact !== undefined && test(fact)));
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

