import { isWholeTag, searchedColumns } from '../core/run-filter.ts';
import type { ParsedRunFilter, RunTerm } from '../core/run-filter.ts';
import { RunStatus } from '../protocol/vocabulary.ts';

/*
 * A filter over runs as conditions for the Data API. They let through at least what the filter does, and often no
 * more: what comes back is looked at again by `matchesRunFilter`.
 */

/** What a database can tell of a filter, each for an `and(…)`. */
export function runConditions(filter: ParsedRunFilter): readonly string[] {
  return filter.terms.map(conditionOf).filter((one) => one !== undefined);
}

/** A word in the columns that are searched. */
export function wordCondition(word: string): string {
  return anyOf(inColumns(word));
}

function inColumns(word: string): readonly string[] {
  return searchedColumns.map((column) => `${column}.ilike.${likePattern(`*${word}*`)}`);
}

/** Arrays have no pattern to be searched by; runs with tags are few. */
const someTag = 'tags.neq.{}';

function conditionOf(term: RunTerm): string | undefined {
  const { negated } = term;
  switch (term.field) {
    case 'words':
      if (negated) return undefined;
      return anyOf([...inColumns(term.text), someTag, ...RunStatus.options.filter((one) => one.includes(term.text.toLowerCase())).map((one) => `status.eq.${one}`)]);
    case 'bookmarked':
      return `bookmarked.is.${!negated}`;
    case 'status':
      return `status.${negated ? 'not.' : ''}in.(${term.statuses.join(',')})`;
    case 'created': {
      const at = new Date(term.atMs).toISOString();
      const operator = term.operator === '>=' ? 'gte' : 'lt';
      return `created_at.${negated ? 'not.' : ''}${operator}."${at}"`;
    }
    case 'duration': {
      const operator = operators[term.operator];
      return negated ? anyOf(['total_duration_ms.is.null', `total_duration_ms.not.${operator}.${term.bound}`]) : `total_duration_ms.${operator}.${term.bound}`;
    }
    case 'tag':
      if (negated) return undefined;
      return anyOf(term.globs.map((glob) => (isWholeTag(glob, term.isPart) && /^[\p{L}\p{N}_-]+$/u.test(glob) ? `tags.cs.{${glob}}` : someTag)));
    case 'column':
      // A pattern that is wider than what was meant leaves out too much once it is turned round.
      if (negated) return undefined;
      return anyOf(term.globs.map((glob) => `${term.column}.ilike.${likePattern(term.isPart ? `*${glob}*` : glob)}`));
    case 'step':
      return negated ? undefined : anyOf(['failed_step.not.is.null', 'current_step.not.is.null']);
    case 'cost':
      return undefined;
  }
}

const operators = { '=': 'eq', ':': 'eq', '~': 'eq', '!=': 'neq', '>=': 'gte', '<=': 'lte', '>': 'gt', '<': 'lt' } as const;

function anyOf(conditions: readonly string[]): string {
  const different = [...new Set(conditions)];
  return different.length === 1 ? different[0]! : `or(${different.join(',')})`;
}

/** What the grammar of filters uses itself is matched by "any character": the Data API's quotes do not reach into patterns. */
function likePattern(glob: string): string {
  return glob.replaceAll(/[%,()"\\{}]/g, '_').replaceAll(/\*{2,}/g, '*');
}
