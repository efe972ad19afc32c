import type { ActionName } from '../action-names.ts';
import type { Effect } from '../effect.ts';
import type { Overlay, Prompt } from '../overlay.ts';
import type { Detail, LogPane, Notice, OpenRun, State } from '../state.ts';

/** What an update answers: the next state, and what is to be done outside. */
export interface Update {
  readonly state: State;
  readonly effects: readonly Effect[];
  /** An action to do after that, wherever the keyboard is: a line after `:` can name any, and cannot import them all. */
  readonly action?: ActionName | undefined;
}

export type Action = (state: State) => Update;

export function only(state: State, ...effects: readonly Effect[]): Update {
  return { state, effects };
}

/** How long a notice stays when no key is pressed, in milliseconds; what went wrong takes longer to read. */
const NOTICE_MS = { info: 3_000, warn: 3_000, error: 8_000 } as const;

/** For what a person may want to copy, as the name of a file. */
export const LASTING_MS = 8_000;

/** Says something in the footer, for as long as the tone needs or for `ms`. */
export function told(state: State, text: string, tone: Notice['tone'] = 'info', ms: number = NOTICE_MS[tone]): State {
  return { ...state, notice: { text, tone, until: state.now + ms, refusal: undefined } };
}

export function withRun(state: State, change: (run: OpenRun) => OpenRun): State {
  return state.open ? { ...state, open: change(state.open) } : state;
}

export function withLog(state: State, change: (log: LogPane) => LogPane): State {
  return withRun(state, (run) => ({ ...run, log: change(run.log) }));
}

export function withDetail(state: State, change: (detail: Detail) => Detail): State {
  return withRun(state, (run) => ({ ...run, detail: change(run.detail) }));
}

/** Puts a dialog on top. */
export function withOverlay(state: State, overlay: Overlay): State {
  return { ...state, overlays: [...state.overlays, overlay], notice: undefined };
}

/** Asks for a line of text at the foot of the screen, with the cursor after what stands there. */
export function withPrompt(state: State, purpose: Prompt['purpose'], text = '', before = text): State {
  return withOverlay(state, { type: 'prompt', purpose, text, at: text.length, before, problem: undefined });
}

/** Changes the dialog on top. */
export function replaceOverlay(state: State, overlay: Overlay): State {
  return { ...state, overlays: [...state.overlays.slice(0, -1), overlay] };
}

export function closeOverlay(state: State): State {
  return { ...state, overlays: state.overlays.slice(0, -1) };
}
