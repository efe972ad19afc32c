import type { Command } from '../dialogs/commands/command.ts';
import type { Binding } from '../keymap.ts';
import { keyed } from '../keymap/key-marks.ts';
import { line, wrap, type Line } from '../output/line.ts';
import type { Following, News } from '../outside/followings.ts';
import type { Answer, AnswerTo, Question } from '../outside/questions.ts';
import type { State } from '../state.ts';
import type { Action, Update } from '../update/result.ts';
import type { ScreenState } from './table.ts';

/** What every screen keeps: where its cursor is, what was searched for, and what the backend has answered. */
export interface ScreenBase {
  readonly cursor: number;
  readonly top: number;
  readonly search: string;
  readonly answers: Answers;
}

/** By question. Each is asked once, until a person asks for everything anew. */
export type Answers = Readonly<Record<string, Answered>>;

type Answered =
  | { readonly state: 'asked' }
  | { readonly state: 'ready'; readonly answer: Answer }
  | { readonly state: 'failed'; readonly problem: string };

/** A row of a screen. */
export interface ScreenRow {
  readonly line: Line;
  /** The row in words, for people who hear it, where its columns and bars say nothing without their heads. */
  readonly said?: string | undefined;
  /** What the row is about, for the screen's own keys: a step, a run, a number. */
  readonly id?: string | undefined;
  /** `]` and `[` go from one of these to the next. */
  readonly isStop?: boolean | undefined;
}

/**
 * A screen over the list of runs or a run: a title, a row about how things stand, and rows with a cursor.
 *
 * The frame gives all of them the same header and footer, moving, search, copying and the way back. What a screen
 * needs from the backend it only names; see `outside/questions.ts`.
 */
export interface Screen<Own extends ScreenBase> {
  /** First words of the header. */
  readonly title: (state: State, own: Own) => string;
  /** Second row of the screen: the answer to the question a person came with. */
  readonly about: (state: State, own: Own) => Line;
  /** Everything the screen shows, drawn for so many cells. Only what is visible is painted. */
  readonly rows: (state: State, own: Own, columns: number) => readonly ScreenRow[];
  /** Rows that stay above those that scroll: column heads, an axis. Always as many, whatever is known. */
  readonly head?: ((state: State, own: Own, columns: number) => readonly Line[]) | undefined;
  /** There are more rows than it holds, so their number is no total. */
  readonly isPart?: ((state: State, own: Own) => boolean) | undefined;
  /** What it shows changes with every moment that passes; otherwise only its relative times do. */
  readonly moves?: ((state: State, own: Own) => boolean) | undefined;
  /** What must be known for that. Asked of the backend when it is not known yet. */
  readonly wants?: ((state: State, own: Own) => readonly Question[]) | undefined;
  /** What an answer changes beside what is shown: where the cursor is, until a person has moved it. */
  readonly settled?: ((state: State, own: Own) => Own) | undefined;
  /** What it hears for as long as it is shown, and what becomes of that. */
  readonly follows?: ((state: State, own: Own) => Following | undefined) | undefined;
  readonly heard?: ((state: State, own: Own, news: News) => Own) | undefined;
  /** What else a motion changes; `toEnd` when it was the key for the last row. */
  readonly moved?: ((state: State, own: Own, before: Own, toEnd: boolean) => Own) | undefined;
  /** Narrows the rows while it is typed after `f`. */
  readonly filter?: ScreenFilter<Own> | undefined;
  /** What `]` and `[` go to, in words. */
  readonly stops?: string | undefined;
  /** Its own keys; their place is the name of the screen. */
  readonly keys: readonly Binding[];
  /** What those keys do, by name. */
  readonly actions: Readonly<Record<string, Action>>;
  /** Words of the `:` line that open it. */
  readonly commands?: Readonly<Record<string, Command>> | undefined;
}

/** A filter that a screen takes; see the prompt. */
export interface ScreenFilter<Own> {
  /** Throws a `FilterError` for a text that does not parse. */
  readonly apply: (state: State, own: Own, text: string) => Own;
  /** May the last word still become the name of a field? Then it is not applied yet. */
  readonly isHalfTyped: (text: string) => boolean;
  /** Above the prompt: what the filter leaves, and what may be typed. */
  readonly about: (state: State, own: Own) => Line;
}

export const newScreen: ScreenBase = { cursor: 0, top: 0, search: '', answers: {} };

export function questionKey(question: Question): string {
  return JSON.stringify(question);
}

/** What the backend answered; undefined while it has not, or when it could not. */
export function answerTo<Kind extends Question['kind']>(own: ScreenBase, question: Extract<Question, { kind: Kind }>): AnswerTo<Kind> | undefined {
  const answered = own.answers[questionKey(question)];
  return answered?.state === 'ready' ? (answered.answer as AnswerTo<Kind>) : undefined;
}

/** Why there is no answer; undefined when there is one, or one may still come. */
export function problemOf(own: ScreenBase, ...questions: readonly Question[]): string | undefined {
  for (const question of questions) {
    const answered = own.answers[questionKey(question)];
    if (answered?.state === 'failed') return answered.problem;
  }
  return undefined;
}

/** Rows that say something, such as what to do where there is nothing yet. */
export function sayRows(state: State, text: string, columns: number): readonly ScreenRow[] {
  return wrap(keyed(state, text), columns - 2).map((one) => ({ line: line(` ${one}`, 'muted') }));
}

/** The screen on top; undefined while the list of runs or a run is shown. */
export function shownScreen(state: State): ScreenState | undefined {
  return state.screens.at(-1);
}

/** Puts a screen on top. */
export function withScreen(state: State, own: ScreenState): State {
  return { ...state, screens: [...state.screens, own], overlays: [], notice: undefined };
}

/** Changes the screen on top. */
export function withOwn(state: State, own: ScreenState): State {
  return { ...state, screens: [...state.screens.slice(0, -1), own] };
}

/** An action that a screen does with its own state; nothing where another screen is shown. */
export function on<Name extends ScreenState['name']>(name: Name, act: (state: State, own: Extract<ScreenState, { name: Name }>) => Update): Action {
  return (state) => {
    const own = shownScreen(state);
    return own?.name === name ? act(state, own as Extract<ScreenState, { name: Name }>) : { state, effects: [] };
  };
}
