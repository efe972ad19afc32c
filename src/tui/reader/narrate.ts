import type { Prompt } from '../overlay.ts';
import { keyed } from '../keymap/key-marks.ts';
import { sentence } from '../model/sentence.ts';
import type { State } from '../state.ts';
import { promptLabel } from '../view/dialogs.ts';
import { focusOf, type Focus } from './focus.ts';
import { happenings } from './happenings.ts';
import { spoken } from './spoken.ts';

/** Turns states into lines of words, for people who hear a terminal instead of seeing it. */
export interface Narrator {
  /** What is to be written now that this is the state; empty when nothing is. */
  say(state: State): string;
}

/**
 * The second view of the program: no screen, no cursor, nothing that moves. Every change becomes a line: what happens
 * in a run, and what a key did. While a person types, only what is typed is written; the rest follows afterwards.
 */
export function createNarrator(): Narrator {
  let said: State | undefined;
  let focus: Focus | undefined;
  let prompt: Prompt | undefined;

  return {
    say(state) {
      const top = state.overlays.at(-1);
      const typing = top?.type === 'prompt' ? top : undefined;
      if (typing) {
        const echo = echoOf(state, prompt, typing);
        prompt = typing;
        return echo;
      }
      const end = prompt ? '\n' : '';
      const isNarrowed = prompt?.purpose === 'filter' && prompt.text !== prompt.before;
      prompt = undefined;
      const next = focusOf(state);
      const happened = happenings(said, state);
      // What a filter has left is said once it has been typed, unless the log has said so itself.
      const left = isNarrowed && happened.length === 0 && next.place === focus?.place ? [next.about.join(', ')] : [];
      // Rows stay as they are: what they begin with is a key, a path or a name.
      const lines = [...happened.map((text) => sentence(text)), ...left, ...focusLines(focus, next), ...noticeLines(said, state).map((text) => sentence(text))]
        .map((text) => spoken(keyed(state, text))).filter((text) => text !== '');
      said = state;
      focus = next;
      return end + lines.map((text) => `${text}\n`).join('');
    },
  };
}

/** What of a line that is being typed is new; a line that was changed elsewhere than at its end is written again. */
function echoOf(state: State, before: Prompt | undefined, { text, purpose, problem, before: previous }: Prompt): string {
  const isSame = before?.purpose === purpose && before.before === previous;
  const again = `${spoken(promptLabel(state, purpose))} ${spoken(text)}`;
  if (!isSame) return again;
  if (problem !== undefined && problem !== before.problem) return `\n${spoken(problem)}\n${again}`;
  if (text === before.text) return '';
  return text.startsWith(before.text) ? spoken(text.slice(before.text.length)) || ' ' : `\n${again}`;
}

function focusLines(before: Focus | undefined, now: Focus): readonly string[] {
  if (before?.place !== now.place) return [[now.place, ...now.about].join(', '), ...now.rows, ...(now.chosen === undefined ? [] : [now.chosen.text])];
  const rows = now.rows.filter((row) => !before.rows.includes(row));
  return [...rows, ...(now.chosen === undefined || now.chosen.key === before.chosen?.key ? [] : [now.chosen.text])];
}

function noticeLines(before: State | undefined, { notice }: State): readonly string[] {
  return notice === undefined || notice.text === before?.notice?.text ? [] : [notice.text];
}
