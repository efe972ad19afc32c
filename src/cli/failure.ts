import { arch, platform, release } from 'node:os';
// Of its own, so that a failure does not load the parser.
import { ExpressionError } from '../core/expression-error.ts';
import { printable } from '../core/format.ts';
import { BUG_EXIT_STATUS, errorCodes, UserError } from '../protocol/error.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

/** Thrown to end a command with a status when everything there is to say has been said. */
export class Ended extends Error {
  override readonly name = 'Ended';
  readonly exitStatus: number;

  constructor(exitStatus: number) {
    super(`ended with status ${exitStatus}`);
    this.exitStatus = exitStatus;
  }
}

/** Says on standard error what went wrong, and returns the exit status for it. A bug gets its stack and what to report. */
export function reportFailure(error: unknown, io: Pick<Io, 'err' | 'paint'>): number {
  if (error instanceof Ended) return error.exitStatus;
  if (error instanceof UserError) {
    io.err(`${io.paint('bad', 'error:')} ${error.message}`);
    if (error instanceof ExpressionError) caretLines(error).forEach((line) => io.err(line));
    if (error.hint !== undefined) io.err(error.hint);
    return errorCodes[error.code].exit;
  }
  io.err(`${io.paint('bad', 'stepscope has a bug.')} Please report it with all of this:`);
  io.err(`  stepscope ${version}, Node ${process.versions.node}, ${platform()} ${release()} ${arch()}`);
  io.err(`  ${(error instanceof Error ? describe(error) : String(error)).replaceAll('\n', '\n  ')}`);
  return BUG_EXIT_STATUS;
}

/** Characters of a long expression that are shown on either side of its fault. */
const AROUND = 34;

/** The text with a caret beneath the place that is wrong. */
function caretLines({ source, position }: ExpressionError): readonly string[] {
  const from = Math.max(0, position - AROUND);
  const shown = (text: string) => printable(text.replaceAll(/\s/g, ' '));
  const before = `${from > 0 ? '…' : ''}${shown(source.slice(from, position))}`;
  const after = source.slice(position, position + AROUND);
  return [`  ${before}${shown(after)}${position + AROUND < source.length ? '…' : ''}`, `  ${' '.repeat(before.length)}^`];
}

function describe(error: Error): string {
  const stack = error.stack ?? String(error);
  return error.cause instanceof Error ? `${stack}\ncaused by ${describe(error.cause)}` : stack;
}
