import { RE2JS } from 're2js';
import { FilterError } from './filter-words.ts';
import type { TextTest } from './glob.ts';

/** Longer patterns, and those that repeat something hundreds of times, make programs that take long for every character. */
const MOST_PATTERN = 200;

export function isLongPattern(source: string): boolean {
  return source.length > MOST_PATTERN || /\{\d{3,}/.test(source);
}

/**
 * A regular expression in the syntax of RE2, whatever the case of letters: takes time that is linear in a text, whoever wrote it.
 *
 * @param at Where it stands in a filter. Throws {@link FilterError} with the place of what is wrong.
 */
export function linearPattern(source: string, at: number): TextTest {
  if (isLongPattern(source)) throw new FilterError('the pattern is too long', at, `Up to ${MOST_PATTERN} characters, and repetitions below {100}`);
  try {
    const pattern = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE | RE2JS.DOTALL);
    return (text) => pattern.matcher(text).find();
  } catch (error) {
    const { error: why, input } = error as { readonly error?: string; readonly input?: string | null };
    const place = source.indexOf(input ?? '');
    throw new FilterError(`the pattern is not understood: ${why ?? 'it is no regular expression'}`, at + Math.max(0, place), 'Patterns are those of RE2: nothing looks ahead, and nothing refers back');
  }
}
