import { segmentsOf } from '../graphemes.ts';
import type { InputEvent, KeyName } from './key.ts';

/** What a decoder carries from one chunk to the next. */
export interface DecoderState {
  /** Bytes that may be the beginning of a sequence. */
  readonly pending: string;
  /** Text of a paste whose end has not come yet. */
  readonly paste: string | undefined;
  /** A reply whose beginning was too long to keep: everything up to its end goes. */
  readonly isSkipping: boolean;
  /** The last character was a carriage return: a line feed right after it is the same key. */
  readonly isAfterReturn: boolean;
  /** A paste without brackets is under way: what comes before a pause belongs to it. */
  readonly isLump: boolean;
}

export const emptyDecoder: DecoderState = { pending: '', paste: undefined, isSkipping: false, isAfterReturn: false, isLump: false };

export interface Decoded {
  readonly events: readonly InputEvent[];
  readonly state: DecoderState;
}

const pasteStart = '\u001b[200~';
const pasteEnd = '\u001b[201~';
/** A paste larger than this is cut: a person pasting a core dump by mistake must not fill the memory. */
const maxPaste = 1024 * 1024;
/** Nobody types this much with line ends in it between two reads: it was pasted, by a terminal that does not say so. */
const maxTyped = 64;
/** A reply that is longer is let go while it comes. */
const maxReply = 4096;

const finalKeys: Record<string, KeyName> = {
  A: 'up', B: 'down', C: 'right', D: 'left', H: 'home', F: 'end', Z: 'shift-tab',
};
const tildeKeys: Record<string, KeyName> = { 1: 'home', 2: 'insert', 3: 'delete', 4: 'end', 5: 'pageup', 6: 'pagedown', 7: 'home', 8: 'end' };

/** Nothing is on them, which is said as of any other key. */
const functionKeys: Record<string, KeyName> = {
  P: 'f1', Q: 'f2', R: 'f3', S: 'f4', 11: 'f1', 12: 'f2', 13: 'f3', 14: 'f4', 15: 'f5', 17: 'f6', 18: 'f7', 19: 'f8', 20: 'f9', 21: 'f10', 23: 'f11', 24: 'f12',
};
const consoleFunctionKeys: Record<string, KeyName> = { A: 'f1', B: 'f2', C: 'f3', D: 'f4', E: 'f5' };

/** CSI with a complete final byte; the parameters may hold intermediates, as replies do. */
// oxlint-disable-next-line no-control-regex -- these are the bytes terminals send
const csi = /^\u001b\[([0-?]*)([ -/]*)([@-~])/;
// oxlint-disable-next-line no-control-regex -- these are the bytes terminals send
const stringSequence = /^\u001b[\]P_X^][\s\S]*?(?:\u0007|\u001b\\)/;
// oxlint-disable-next-line no-control-regex -- these are the bytes terminals send
const stringEnd = /\u0007|\u001b\\/;

/**
 * Takes the next chunk of what the terminal sent. Characters come out one by one, however many arrived
 * together; sequences that arrive in pieces are waited for; replies to queries and mouse reports are
 * swallowed.
 */
export function decode(state: DecoderState, chunk: string): Decoded {
  const events: InputEvent[] = [];
  if (isLump(state, chunk)) return { events: [pasteOf(chunk)], state: { ...emptyDecoder, isLump: true } };
  let rest = state.pending + chunk;
  let { paste, isSkipping, isAfterReturn } = state;
  const kept = (pending: string): Decoded => ({ events, state: { pending, paste, isSkipping, isAfterReturn, isLump: false } });

  while (rest !== '') {
    if (isSkipping) {
      const end = stringEnd.exec(rest);
      // Its end may be cut in two.
      if (end === null) return kept(rest.endsWith('\u001b') ? '\u001b' : '');
      isSkipping = false;
      rest = rest.slice(end.index + end[0].length);
      continue;
    }

    if (paste !== undefined) {
      const end = rest.indexOf(pasteEnd);
      if (end === -1) {
        // The end mark itself may be cut in two.
        const keep = overlap(rest, pasteEnd);
        // One more than is taken, so that it is known that something was cut.
        paste = (paste + rest.slice(0, rest.length - keep)).slice(0, maxPaste + 1);
        return kept(rest.slice(rest.length - keep));
      }
      events.push(pasteOf(paste + rest.slice(0, end)));
      paste = undefined;
      rest = rest.slice(end + pasteEnd.length);
      continue;
    }

    if (rest.startsWith(pasteStart)) {
      isAfterReturn = false;
      paste = '';
      rest = rest.slice(pasteStart.length);
      continue;
    }

    if (rest.startsWith('\u001b')) {
      const taken = takeSequence(rest);
      isAfterReturn = false;
      if (taken === 'reply') {
        isSkipping = true;
        rest = rest.slice(2);
        continue;
      }
      if (taken === undefined) return kept(rest);
      if (taken.key !== undefined) events.push({ type: 'key', key: taken.key });
      rest = rest.slice(taken.length);
      continue;
    }

    const next = rest.indexOf('\u001b');
    const plain = next === -1 ? rest : rest.slice(0, next);
    for (const { segment } of segmentsOf(plain)) {
      const key = segment === '\n' && isAfterReturn ? undefined : plainKey(segment);
      isAfterReturn = segment === '\r';
      if (key !== undefined) events.push({ type: 'key', key });
    }
    rest = rest.slice(plain.length);
  }
  return kept('');
}

/** A whole lump of text, or the rest of one that began before. */
function isLump(state: DecoderState, chunk: string): boolean {
  if (state.pending !== '' || state.paste !== undefined || state.isSkipping || chunk.includes('\u001b')) return false;
  return state.isLump || (chunk.length > maxTyped && /[\r\n]/.test(chunk));
}

function pasteOf(text: string): InputEvent {
  return { type: 'paste', text: text.slice(0, maxPaste).replaceAll(/\r\n?/g, '\n'), ...(text.length > maxPaste ? { isCut: true } : {}) };
}

/** Nothing more came: what was waited for is taken as it stands. A lone ESC is the Escape key. */
export function settle(state: DecoderState): Decoded {
  if (state.paste !== undefined) return { events: [], state };
  const isEscape = state.pending !== '' && state.pending.replaceAll('\u001b', '') === '' && !state.isSkipping;
  return { events: isEscape ? [{ type: 'key', key: 'esc' }] : [], state: emptyDecoder };
}

/** Something is under way of which a pause says how it ends. */
export function isWaiting(state: DecoderState): boolean {
  return state.paste === undefined && (state.pending !== '' || state.isSkipping || state.isLump);
}

/** Undefined while more has to come; `reply`, when it is one that is too long to be kept. */
function takeSequence(rest: string): { readonly key: KeyName | undefined; readonly length: number } | 'reply' | undefined {
  if (rest.length === 1) return undefined;
  const kind = rest[1]!;

  if (kind === '[') {
    // The console of Linux alone sends these, and their last letter would be a key of its own.
    if (rest[2] === '[') return rest.length < 4 ? undefined : { key: consoleFunctionKeys[rest[3]!], length: 4 };
    const found = csi.exec(rest);
    if (found === null) {
      // Either unfinished, or not a sequence at all: a byte that can not be in one ends the wait.
      return /^[0-?]*[ -/]*$/.test(rest.slice(2)) ? undefined : { key: undefined, length: 2 };
    }
    const [whole, parameters, intermediates, final] = found as unknown as [string, string, string, string];
    // X10 mouse reports carry three raw bytes after the final one.
    if (final === 'M' && parameters === '') return rest.length < 6 ? undefined : { key: undefined, length: 6 };
    return { key: intermediates === '' ? csiKey(parameters, final) : undefined, length: whole.length };
  }

  if (kind === 'O') {
    if (rest.length < 3) return undefined;
    return { key: rest[2] === 'M' ? 'enter' : (finalKeys[rest[2]!] ?? functionKeys[rest[2]!]), length: 3 };
  }

  if (']P_X^'.includes(kind)) {
    const found = stringSequence.exec(rest);
    if (found) return { key: undefined, length: found[0].length };
    return rest.length > maxReply ? 'reply' : undefined;
  }

  if (kind === '\u001b') return { key: 'esc', length: 1 };
  // Alt with a character: not bound to anything, and not to be taken for two keys.
  return { key: undefined, length: 1 + (String.fromCodePoint(rest.codePointAt(1)!).length) };
}

function csiKey(parameters: string, final: string): KeyName | undefined {
  // Private parameters (`?`, `>`, `<`, `=`) are replies and mouse reports.
  if (/^[<-?]/.test(parameters)) return undefined;
  const [first = '', modifier] = parameters.split(';');
  const plain = modifier === undefined || modifier === '1';
  if (final === '~') return (plain ? tildeKeys[first] : undefined) ?? functionKeys[first];
  // Shift, Alt and Ctrl with an arrow: the arrow alone, so that a held modifier does not kill the key.
  return finalKeys[final];
}

function plainKey(segment: string): KeyName | undefined {
  if (segment === '\r' || segment === '\r\n' || segment === '\n') return 'enter';
  if (segment === '\t') return 'tab';
  if (segment === ' ') return 'space';
  if (segment === '\u007f' || segment === '\b') return 'backspace';
  const code = segment.codePointAt(0)!;
  if (code === 0) return undefined;
  if (code < 32) return code <= 26 ? `ctrl-${String.fromCodePoint(code + 96)}` : undefined;
  if (code >= 0x80 && code < 0xa0) return undefined;
  return segment;
}

/** Length of the longest end of `text` that is a beginning of `mark`. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length -= 1) {
    if (mark.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
