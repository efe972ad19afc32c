import type { InputEvent, KeyName } from './key.ts';

/** What a decoder carries from one chunk to the next. */
export interface DecoderState {
  /** Bytes that may be the beginning of a sequence. */
  readonly pending: string;
  /** Text of a paste whose end has not come yet. */
  readonly paste: string | undefined;
}

export const emptyDecoder: DecoderState = { pending: '', paste: undefined };

export interface Decoded {
  readonly events: readonly InputEvent[];
  readonly state: DecoderState;
}

const pasteStart = '\u001b[200~';
const pasteEnd = '\u001b[201~';
/** A paste larger than this is cut: a person pasting a core dump by mistake must not fill the memory. */
const maxPaste = 1024 * 1024;

const finalKeys: Record<string, KeyName> = {
  A: 'up', B: 'down', C: 'right', D: 'left', H: 'home', F: 'end', Z: 'shift-tab',
};
const tildeKeys: Record<string, KeyName> = { 1: 'home', 2: 'insert', 3: 'delete', 4: 'end', 5: 'pageup', 6: 'pagedown', 7: 'home', 8: 'end' };

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** CSI with a complete final byte; the parameters may hold intermediates, as replies do. */
// oxlint-disable-next-line no-control-regex -- these are the bytes terminals send
const csi = /^\u001b\[([0-?]*)([ -/]*)([@-~])/;
// oxlint-disable-next-line no-control-regex -- these are the bytes terminals send
const stringSequence = /^\u001b[\]P_X^][\s\S]*?(?:\u0007|\u001b\\)/;

/**
 * Takes the next chunk of what the terminal sent. Characters come out one by one, however many arrived
 * together; sequences that arrive in pieces are waited for; replies to queries and mouse reports are
 * swallowed.
 */
export function decode(state: DecoderState, chunk: string): Decoded {
  const events: InputEvent[] = [];
  let rest = state.pending + chunk;
  let paste = state.paste;

  while (rest !== '') {
    if (paste !== undefined) {
      const end = rest.indexOf(pasteEnd);
      if (end === -1) {
        // The end mark itself may be cut in two.
        const keep = overlap(rest, pasteEnd);
        paste = (paste + rest.slice(0, rest.length - keep)).slice(0, maxPaste);
        return { events, state: { pending: rest.slice(rest.length - keep), paste } };
      }
      events.push({ type: 'paste', text: (paste + rest.slice(0, end)).slice(0, maxPaste).replaceAll(/\r\n?/g, '\n') });
      paste = undefined;
      rest = rest.slice(end + pasteEnd.length);
      continue;
    }

    if (rest.startsWith(pasteStart)) {
      paste = '';
      rest = rest.slice(pasteStart.length);
      continue;
    }

    if (rest.startsWith('\u001b')) {
      const taken = takeSequence(rest);
      if (taken === undefined) return { events, state: { pending: rest, paste } };
      if (taken.key !== undefined) events.push({ type: 'key', key: taken.key });
      rest = rest.slice(taken.length);
      continue;
    }

    const next = rest.indexOf('\u001b');
    const plain = next === -1 ? rest : rest.slice(0, next);
    for (const { segment } of segmenter.segment(plain)) {
      const key = plainKey(segment);
      if (key !== undefined) events.push({ type: 'key', key });
    }
    rest = rest.slice(plain.length);
  }
  return { events, state: { pending: '', paste } };
}

/** Nothing more came: what was waited for is taken as it stands. A lone ESC is the Escape key. */
export function settle(state: DecoderState): Decoded {
  if (state.pending === '' || state.paste !== undefined) return { events: [], state };
  const escapes = state.pending.replaceAll('\u001b', '') === '';
  return { events: escapes ? [{ type: 'key', key: 'esc' }] : [], state: emptyDecoder };
}

function takeSequence(rest: string): { readonly key: KeyName | undefined; readonly length: number } | undefined {
  if (rest.length === 1) return undefined;
  const kind = rest[1]!;

  if (kind === '[') {
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
    return { key: rest[2] === 'M' ? 'enter' : finalKeys[rest[2]!], length: 3 };
  }

  if (']P_X^'.includes(kind)) {
    const found = stringSequence.exec(rest);
    if (found) return { key: undefined, length: found[0].length };
    // A reply is short. What is longer is Alt with one of these characters and must not hang the keyboard.
    return rest.length > 4096 ? { key: undefined, length: 2 } : undefined;
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
  if (final === '~') return plain ? tildeKeys[first] : undefined;
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
