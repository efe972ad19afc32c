import { lookOf } from '../settings.ts';
import type { State } from '../state.ts';

/** How a picture is shown: by the terminal itself in one of three protocols, or as text. */
export const pictureStyles = ['kitty', 'iterm', 'sixel', 'blocks', 'ascii'] as const;
export type PictureStyle = (typeof pictureStyles)[number];

/** How pictures are shown: what the terminal is able to, and what a person has chosen instead. */
export interface PictureChoice {
  readonly able: PictureStyle;
  readonly chosen: PictureStyle | undefined;
}

/**
 * The best that a terminal can do, by what the environment says: nothing is asked of it, so nothing is waited for. Inside of
 * tmux and screen, which swallow or misplace pictures, it is text.
 */
export function pictureStyleOf(environment: Readonly<Record<string, string | undefined>>): PictureStyle {
  const { TERM = '', TERM_PROGRAM: program = '', LC_TERMINAL: remote = '' } = environment;
  if (environment['TMUX'] || environment['STY'] || /^(tmux|screen|dumb)/.test(TERM)) return 'blocks';
  if (environment['KITTY_WINDOW_ID'] || /kitty|ghostty/.test(TERM) || program === 'ghostty') return 'kitty';
  if (program === 'iTerm.app' || remote === 'iTerm2' || program === 'WezTerm' || environment['WEZTERM_EXECUTABLE']) return 'iterm';
  // Terminals that say by their name that they can.
  return /sixel|^foot|^mlterm|^yaft|^contour/.test(TERM) || program === 'mlterm' || program === 'contour' ? 'sixel' : 'blocks';
}

/** How pictures are shown now: colours and signs that are not there, or a slow link, leave text. */
export function shownStyle({ pictures, settings }: State): PictureStyle {
  const { depth, ascii } = lookOf(settings);
  const style = pictures.chosen ?? (settings.values.lowBandwidth || depth === 0 ? 'blocks' : pictures.able);
  return style === 'blocks' && (ascii || depth < 8) ? 'ascii' : style;
}
