import { printable } from '../../core/format.ts';

/**
 * Variation selectors, joiners and skin tones: terminals, tmux and screen disagree on how wide a character
 * is with them, and agree without.
 */
const disputed = /\u200c|\u200d|\p{Variation_Selector}|\p{Emoji_Modifier}/gu;

/** Text as it can be drawn: inert, on one line, and as wide for the terminal as we think it is. */
export function drawable(text: string): string {
  return printable(text).replaceAll(disputed, '');
}
