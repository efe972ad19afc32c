import type { ReadStream } from 'node:tty';
import { StringDecoder } from 'node:string_decoder';
import { decode, emptyDecoder, settle } from './decode.ts';
import type { InputEvent } from './key.ts';

/** How long a lone ESC may be the beginning of something. Over SSH the rest of a sequence comes this late. */
const ESCAPE_WAIT_MS = 80;

/** The keyboard, ours alone: Ink is given none, so that no byte is read twice or in lumps. */
export interface Reader {
  /** Raw mode on, bracketed paste on. */
  start(): void;
  /** Hands the terminal back as it was: cooked, without bracketed paste. Safe to call twice. */
  stop(): void;
}

export function createReader(stdin: ReadStream, write: (bytes: string) => void, onEvent: (event: InputEvent) => void, onEnd: () => void): Reader {
  let state = emptyDecoder;
  let waiting: NodeJS.Timeout | undefined;
  let bytes = new StringDecoder('utf8');
  let started = false;

  const emit = (events: readonly InputEvent[]) => {
    for (const event of events) onEvent(event);
  };
  const onData = (chunk: Buffer | string) => {
    clearTimeout(waiting);
    const decoded = decode(state, typeof chunk === 'string' ? chunk : bytes.write(chunk));
    state = decoded.state;
    if (state.pending !== '' && state.paste === undefined) {
      waiting = setTimeout(() => {
        const settled = settle(state);
        state = settled.state;
        emit(settled.events);
      }, ESCAPE_WAIT_MS);
    }
    emit(decoded.events);
  };

  return {
    start() {
      if (started) return;
      started = true;
      state = emptyDecoder;
      bytes = new StringDecoder('utf8');
      stdin.setRawMode?.(true);
      stdin.on('data', onData);
      stdin.on('end', onEnd);
      stdin.resume();
      write('\u001b[?2004h');
    },
    stop() {
      if (!started) return;
      started = false;
      clearTimeout(waiting);
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.pause();
      stdin.setRawMode?.(false);
      write('\u001b[?2004l');
    },
  };
}
