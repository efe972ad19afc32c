import type { State } from '../../state.ts';
import type { Update } from '../../update/result.ts';
import type { Option, Words } from './words.ts';

/** A word of the `:` line, with the options it has on the command line. */
export interface Command {
  readonly usage: string;
  readonly help: string;
  /** What the plain word after those before it can be, for completion. */
  readonly plain?: ((state: State, before: readonly string[]) => readonly string[]) | undefined;
  readonly options?: readonly Option[] | undefined;
  /** Options that the command line has and this line leaves to a shell, with their dashes. */
  readonly inShell?: readonly string[] | undefined;
  /** The rest of the line is one text, blanks, quotes and dashes included. */
  readonly isText?: boolean | undefined;
  /** Throws a `UserError` with what is wrong with the words. */
  readonly run: (state: State, words: Words) => Update;
}
