import type { Prompt } from '../overlay.ts';
import type { State } from '../state.ts';
import { promptTyped } from './prompt.ts';

/** Texts of one kind that are kept, until the program ends. */
const MAX_TYPED = 100;

/** Keeps what a prompt takes, so that it can be brought back. A text that was typed before moves to the end. */
export function withTyped(state: State, { purpose, text }: Prompt): State {
  if (text.trim() === '' || purpose === 'cancel') return state;
  const before = (state.typed[purpose] ?? []).filter((one) => one !== text);
  return { ...state, typed: { ...state.typed, [purpose]: [...before, text].slice(-MAX_TYPED) } };
}

/** Brings back what was typed before (`by` -1) or after that; at the end, what stood there at first. */
export function recall(state: State, prompt: Prompt, by: number): State {
  const { back, draft } = prompt.recalled ?? { back: 0, draft: prompt.text };
  // Only what begins as the text does: a person who has typed a word means commands with it.
  const before = (state.typed[prompt.purpose] ?? []).filter((text) => text.startsWith(draft));
  const next = Math.max(0, Math.min(before.length, back - by));
  const text = next === 0 ? draft : before.at(-next)!;
  return promptTyped(state, { ...prompt, text, at: text.length, recalled: { back: next, draft } });
}
