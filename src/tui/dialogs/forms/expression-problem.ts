import { ExpressionError } from '../../../core/expression-error.ts';
import { UserError } from '../../../protocol/error.ts';
import { sentence } from '../../model/sentence.ts';

/** Characters of a long expression that are shown before the place that is wrong. */
const SHOWN = 50;

/** What is wrong with something typed, with a caret under the place in an expression; undefined when nothing is. */
export function expressionProblem(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const words = sentence(error.message, error.hint);
    if (!(error instanceof ExpressionError)) return words;
    const from = Math.max(0, error.position - SHOWN);
    const head = from > 0 ? '...' : '';
    return `${head}${error.source.slice(from, error.position + SHOWN / 2)}\n${' '.repeat(head.length + error.position - from)}^\n${words}`;
  }
}
