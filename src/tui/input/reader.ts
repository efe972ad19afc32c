import type { ReadStream } from 'node:tty';
import { StringDecoder } from 'node:string_decoder';
import { decode, emptyDecoder, isWaiting, settle } from './decode.ts';
import type { InputEvent } from './key.ts';

/** How long a lone ESC may be the beginning of something; over a link the rest of a sequence comes later. */
const ESCAPE_WAIT_MS = 80;
const LINK_ESCAPE_WAIT_MS = 120;
/** What has begun as a reply or a sequence with parameters nobody types: its rest may take longer. */
const SEQUENCE_WAIT_MS = 500;

export function escapeWaitMs(isLink: boolean): number {
  return isLink ? LINK_ESCAPE_WAIT_MS : ESCAPE_WAIT_MS;
}

/** The keyboard, ours alone: Ink is given none, so that no byte is read twice or in lumps. */
export interface Reader {
  /** Raw mode on. */
  start(): void;
  /** Hands the keyboard back as it was: cooked. Safe to call twice. */
  stop(): void;
}

export function createReader(stdin: ReadStream, onEvent: (event: InputEvent) => void, onEnd: () => void, waitMs: number): Reader {
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
    if (isWaiting(state)) {
      waiting = setTimeout(() => {
        const settled = settle(state);
        state = settled.state;
        emit(settled.events);
      }, state.pending.length > 2 || state.isSkipping ? SEQUENCE_WAIT_MS : waitMs);
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
    },
    stop() {
      if (!started) return;
      started = false;
      clearTimeout(waiting);
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      stdin.pause();
      stdin.setRawMode?.(false);
    },
  };
}
