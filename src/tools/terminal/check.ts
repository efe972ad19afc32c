import type { Figure } from '../check-report.ts';

/** One row of the table: what was measured and what is demanded. A row that is only told demands `''` and is met. */
export type Finding = Figure;

/** One of the ten checks of the terminal; its file is `NN-name.ts`, its line in `checks.ts`. */
export interface TerminalCheck {
  readonly number: number;
  readonly name: string;
  run(context: TerminalContext): Promise<readonly Finding[]>;
}

export interface TerminalContext {
  /** The times that are demanded of a release; otherwise seconds each, all ten within a minute. */
  readonly isFull: boolean;
  /** An empty directory of this check's own, removed afterwards. */
  readonly home: string;
  /** `bin/stepscope.js`, whose `dist` is fresh. */
  readonly program: string;
  /** The environment for what a check starts: data and configuration lie in {@link home}, nothing of the caller's shows through. */
  readonly env: Readonly<Record<string, string>>;
  /** Says loudly that something was not looked at, and why: "lnav is not installed". Fails nothing. */
  readonly leaveOut: (what: string) => void;
  /** Called when the check has ended, however it did, the last one first. */
  readonly onEnd: (work: () => void | Promise<void>) => void;
}
