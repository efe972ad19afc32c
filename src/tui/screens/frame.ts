import { houseRows } from '../model/house.ts';
import { lineText, type Line } from '../output/line.ts';
import { scrolled } from '../layout.ts';
import type { News } from '../outside/followings.ts';
import type { Question } from '../outside/questions.ts';
import type { Answer } from '../outside/questions.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import { questionKey, shownScreen, withOwn, type Screen, type ScreenRow } from './screen.ts';
import { screens, type ScreenState } from './table.ts';

/** What there is to know about the screen on top. */
export function definitionOf(own: ScreenState): Screen<ScreenState> {
  return screens[own.name] as unknown as Screen<ScreenState>;
}

/** Rows that stand on every screen: header, the row about how things stand, footer. */
const FIXED_ROWS = 3;

/** Rows of a screen's content. */
export function screenHeight(state: State): number {
  return Math.max(1, state.size.rows - FIXED_ROWS - houseRows(state) - headOf(state).length - (state.overlays.at(-1)?.type === 'prompt' ? 1 : 0));
}

/** The rows of the screen on top that do not scroll; none where there is room for little else. */
export function headOf(state: State): readonly Line[] {
  const own = shownScreen(state);
  if (!own || state.size.rows < HEAD_ROWS) return [];
  // One cell is the cursor's, below.
  return definitionOf(own).head?.(state, own, state.size.columns - 1).map((one): Line => [{ text: ' ' }, ...one]) ?? [];
}

/** A screen this high has room for heads. */
const HEAD_ROWS = 12;

/** Relative times in a screen are as old as this at most. */
const AGE_MS = 10_000;

let last: { readonly key: readonly unknown[]; readonly rows: readonly ScreenRow[] } | undefined;

/** The rows of the screen on top. The last answer is kept: a frame and a key press ask for the same. */
export function rowsOf(state: State, own: ScreenState): readonly ScreenRow[] {
  const { cursor: _cursor, top: _top, search: _search, ...content } = own;
  const key = [...Object.values(content), state.lists, state.open, state.size, state.settings, state.pictures, state.timeFormat, definitionOf(own).moves?.(state, own) ? state.now : Math.floor(state.now / AGE_MS)];
  if (last && last.key.length === key.length && last.key.every((part, index) => part === key[index])) return last.rows;
  // One cell is the cursor's.
  const rows = definitionOf(own).rows(state, own, state.size.columns - 1);
  last = { key, rows };
  return rows;
}

/** The row under the cursor. */
export function rowUnderCursor(state: State, own: ScreenState): ScreenRow | undefined {
  const rows = rowsOf(state, own);
  return rows[Math.min(own.cursor, rows.length - 1)];
}

/** The screen with its cursor on another row, and that row in sight. */
export function screenAt(state: State, own: ScreenState, row: number): ScreenState {
  const count = rowsOf(state, own).length;
  const cursor = Math.max(0, Math.min(count - 1, row));
  return { ...own, cursor, top: scrolled(own.top, cursor, screenHeight(state), count) };
}

/** To the next row for which `wanted` holds; undefined when there is none. */
function nextRow(state: State, own: ScreenState, direction: 1 | -1, wanted: (row: ScreenRow) => boolean, around: boolean): number | undefined {
  const rows = rowsOf(state, own);
  for (let step = 1; step <= rows.length; step += 1) {
    const index = own.cursor + direction * step;
    if (!around && (index < 0 || index >= rows.length)) return undefined;
    const wrapped = ((index % rows.length) + rows.length) % rows.length;
    if (wanted(rows[wrapped]!)) return wrapped;
  }
  return undefined;
}

/** To the next or previous thing that `]` and `[` stop at. */
export function toStop(state: State, direction: 1 | -1): State {
  const own = shownScreen(state)!;
  const index = nextRow(state, own, direction, (row) => row.isStop === true, false);
  if (index !== undefined) return withOwn(state, screenAt(state, own, index));
  const { stops = 'entry' } = definitionOf(own);
  return told(state, rowsOf(state, own).some((row) => row.isStop) ? `This is the ${direction === 1 ? 'last' : 'first'} ${stops}.` : `There is no ${stops} here.`);
}

/** To the next row with the words searched for. */
export function searchScreen(state: State, direction: 1 | -1): State {
  const own = shownScreen(state)!;
  const words = own.search.toLowerCase();
  const index = nextRow(state, own, direction, (row) => lineText(row.line).toLowerCase().includes(words), true);
  return index === undefined ? told(state, `"${own.search}" is not shown here.`) : withOwn(state, screenAt(state, own, index));
}

/** Back to what is under the screen on top. */
export function closeScreen(state: State): State {
  return { ...state, screens: state.screens.slice(0, -1), overlays: [] };
}

/**
 * Asks for what the screen on top needs and does not have. Part of every update, so no screen can forget it.
 */
export function askForAnswers(state: State): Update {
  const own = shownScreen(state);
  if (!own || state.session.phase !== 'ready') return only(state);
  const wanted = (definitionOf(own).wants?.(state, own) ?? []).filter((question) => own.answers[questionKey(question)] === undefined);
  if (wanted.length === 0) return only(state);
  const answers = { ...own.answers, ...Object.fromEntries(wanted.map((question) => [questionKey(question), { state: 'asked' as const }])) };
  return only(withOwn(state, { ...own, answers }), ...wanted.map((question) => ({ type: 'ask' as const, question })));
}

/** Hears what the screen on top follows, and nothing that it does not. Part of every update. */
export function followNews(state: State): Update {
  const own = shownScreen(state);
  const wanted = own && state.session.phase === 'ready' ? definitionOf(own).follows?.(state, own) : undefined;
  if (wanted?.kind === state.following?.kind && wanted?.round === state.following?.round) return only(state);
  return only({ ...state, following: wanted }, { type: 'followNews', following: wanted });
}

/** Takes in what was heard, in the screen that follows it. */
export function withNews(state: State, news: News): State {
  const own = shownScreen(state);
  // What was on its way when the screen was left is read again by who comes back.
  if (!own || state.following?.kind !== news.kind) return state;
  return withOwn(state, definitionOf(own).heard?.(state, own, news) ?? own);
}

/** Forgets what was answered to some kinds of questions, so that it is asked again. */
export function withoutAnswers(state: State, kinds: readonly Question['kind'][]): State {
  if (kinds.length === 0) return state;
  const isOutdated = (key: string): boolean => kinds.includes((JSON.parse(key) as Question).kind);
  return { ...state, screens: state.screens.map((own) => ({ ...own, answers: Object.fromEntries(Object.entries(own.answers).filter(([key]) => !isOutdated(key))) })) };
}

/** Takes an answer in, in every screen that asked for it. */
export function withAnswer(state: State, question: Question, answer: { readonly answer: Answer } | { readonly problem: string }): State {
  const key = questionKey(question);
  const into = (own: ScreenState): ScreenState => {
    if (own.answers[key] === undefined) return own;
    const taken = 'problem' in answer ? { state: 'failed' as const, problem: answer.problem } : { state: 'ready' as const, answer: answer.answer };
    const next: ScreenState = { ...own, answers: { ...own.answers, [key]: taken } };
    return definitionOf(own).settled?.(state, next) ?? next;
  };
  return { ...state, screens: state.screens.map(into) };
}

/** Forgets what was answered, so that it is asked again; questions under way stay so. */
export function askedAnew(own: ScreenState): ScreenState {
  return { ...own, answers: Object.fromEntries(Object.entries(own.answers).filter(([, one]) => one.state === 'asked')) };
}
