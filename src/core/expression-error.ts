import { UserError } from '../protocol/error.ts';

/** What is wrong with an expression, and where: for a caret beneath it. */
export class ExpressionError extends UserError {
  readonly source: string;
  /** Index into {@link source}. */
  readonly position: number;

  constructor(message: string, source: string, position: number, hint?: string) {
    super('usage', `${message} (at character ${position + 1})`, { hint });
    this.source = source;
    this.position = position;
  }
}
