import { clearedScreen, drawnFrame, frameDiff, type Drawn } from './frame-diff.ts';
import type { Frame } from './frame.ts';
import type { Sink } from './terminal-sink.ts';

/** What the line to the terminal carries, averaged over the last seconds. */
export interface LineUse {
  readonly bytesPerSecond: number;
  readonly framesPerSecond: number;
}

/**
 * The terminal, ours alone: the one place that enters and leaves the alternate screen, sets modes, and
 * writes. Nothing here waits for a terminal that stands still: one write is under way at a time, frames
 * that come meanwhile replace each other, and the last one is always drawn.
 */
export interface Terminal {
  /** Takes the screen: alternate, cleared, cursor hidden, bracketed paste on. */
  enter(): void;
  /** Gives it back as it was. Waits {@link LEAVE_MS} at most for a terminal that takes nothing; safe to call twice. */
  leave(): void;
  /** Draws what `layout` says when the terminal can take it; undefined leaves the screen as it is. */
  draw(layout: () => Frame | undefined): void;
  /** Takes nothing of what stands on the screen for known: the next frame is written whole. */
  forget(): void;
  /** Bytes beside the frames, in order. False, and not sent, when {@link MAX_WAITING_BYTES} are waiting. */
  send(bytes: string): boolean;
  use(): LineUse;
  /** Bytes of the frame that was written last, about: its characters. */
  frameBytes(): number;
}

export interface TerminalOptions {
  readonly sink: Sink;
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly now: () => number;
  /** Lines of words on the primary screen, written with {@link Terminal.send}; nothing is drawn. */
  readonly isWords?: boolean | undefined;
  /** The terminal is gone, or a layout threw. */
  readonly onFailed: (error: unknown) => void;
}

const ENTER = '\u001b[?2004h\u001b[?1049h\u001b[2J\u001b[H\u001b[?25l';
/** Margins, style, synchronized updates, bracketed paste, cursor, primary screen. */
const LEAVE = '\u001b[r\u001b[m\u001b[?2026l\u001b[?2004l\u001b[?25h\u001b[?1049l';
/** The same where lines are written one after the other. */
const ENTER_WORDS = '\u001b[?2004h';
const LEAVE_WORDS = '\u001b[?2004l';
/** Ends whatever sequence a write was broken off in. */
const CANCEL = '\u0018\u001b\\';

/** A terminal that takes nothing is tried again after so long, and less and less often. */
const RETRY_MS = 2;
const MAX_RETRY_MS = 50;
export const LEAVE_MS = 300;
/** Waiting on the way out, where no timer runs any more. */
const LEAVE_STEP_MS = 5;
export const MAX_WAITING_BYTES = 1024 * 1024;
/** Seconds over which {@link Terminal.use} averages. */
const USE_SECONDS = 5;

export function createTerminal({ sink, size, now, isWords = false, onFailed }: TerminalOptions): Terminal {
  const encoder = new TextEncoder();
  const meter = createMeter(now);
  let isEntered = false;
  /** What the terminal shows once the write under way is through; undefined when nobody knows. */
  let shown: Drawn | undefined;
  let waitingFrame: (() => Frame | undefined) | undefined;
  let waiting: string[] = [];
  let waitingBytes = 0;
  /** The rest of the write under way. */
  let rest: Uint8Array | undefined;
  let retry: NodeJS.Timeout | undefined;
  let pause = RETRY_MS;
  let frameBytes = 0;

  /** Writes until there is nothing to write or the terminal takes no more. */
  const pump = (): void => {
    clearTimeout(retry);
    retry = undefined;
    try {
      while (isEntered) {
        rest ??= nextBytes();
        if (rest === undefined) return;
        const taken = sink.write(rest);
        meter.bytes(taken);
        if (taken > 0) pause = RETRY_MS;
        rest = taken < rest.length ? rest.subarray(taken) : undefined;
        if (rest !== undefined) {
          retry = setTimeout(pump, pause);
          pause = Math.min(MAX_RETRY_MS, pause * 2);
          return;
        }
      }
    } catch (error) {
      rest = undefined;
      onFailed(error);
    }
  };

  function nextBytes(): Uint8Array | undefined {
    let text = waiting.join('');
    waiting = [];
    waitingBytes = 0;
    const layout = waitingFrame;
    waitingFrame = undefined;
    const frame = layout?.();
    if (frame) {
      const next = drawnFrame(frame, size(), shown);
      const change = frameDiff(shown, next);
      shown = next;
      if (change !== '') meter.frame();
      frameBytes = change.length;
      text += change;
    }
    return text === '' ? undefined : encoder.encode(text);
  }

  const pumpIfIdle = (): void => {
    if (rest === undefined && retry === undefined) pump();
  };

  return {
    enter() {
      if (isEntered) return;
      isEntered = true;
      shown = clearedScreen(size());
      waiting.unshift(isWords ? ENTER_WORDS : ENTER);
      pumpIfIdle();
    },
    leave() {
      if (!isEntered) return;
      isEntered = false;
      clearTimeout(retry);
      retry = undefined;
      // Frames are worth nothing any more; lines that were not read yet are.
      const last = isWords ? Buffer.concat([rest ?? new Uint8Array(), encoder.encode(waiting.join('') + LEAVE_WORDS)]) : encoder.encode((rest === undefined ? '' : CANCEL) + LEAVE);
      writeWithin(sink, last);
      rest = undefined;
      waiting = [];
      waitingBytes = 0;
      waitingFrame = undefined;
      shown = undefined;
    },
    draw(layout) {
      if (isWords) return;
      waitingFrame = layout;
      pumpIfIdle();
    },
    forget() {
      shown = undefined;
    },
    send(bytes) {
      if (waitingBytes + bytes.length > MAX_WAITING_BYTES) return false;
      waitingBytes += bytes.length;
      waiting.push(bytes);
      pumpIfIdle();
      return true;
    },
    use: () => meter.use(),
    frameBytes: () => frameBytes,
  };
}

/** On the way out nothing else may run: waits in place, and gives up. */
function writeWithin(sink: Sink, bytes: Uint8Array): void {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  let rest = bytes;
  try {
    for (let waited = 0; ; waited += LEAVE_STEP_MS) {
      rest = rest.subarray(sink.write(rest));
      if (rest.length === 0 || waited >= LEAVE_MS) return;
      Atomics.wait(clock, 0, 0, LEAVE_STEP_MS);
    }
  } catch {
    // The terminal is gone: there is nobody to give it back to.
  }
}

interface Meter {
  bytes(count: number): void;
  frame(): void;
  use(): LineUse;
}

function createMeter(now: () => number): Meter {
  let seconds: { readonly second: number; bytes: number; frames: number }[] = [];
  const current = () => {
    const second = Math.floor(now() / 1_000);
    seconds = seconds.filter((one) => one.second > second - USE_SECONDS - 1);
    let last = seconds.at(-1);
    if (last?.second !== second) seconds.push((last = { second, bytes: 0, frames: 0 }));
    return last;
  };
  return {
    bytes: (count) => void (current().bytes += count),
    frame: () => void (current().frames += 1),
    use() {
      // The second under way is not over yet.
      const { second } = current();
      const over = seconds.filter((one) => one.second < second);
      const mean = (of: (one: (typeof over)[number]) => number) => Math.round((over.reduce((sum, one) => sum + of(one), 0) / USE_SECONDS) * 10) / 10;
      return { bytesPerSecond: Math.round(mean((one) => one.bytes)), framesPerSecond: mean((one) => one.frames) };
    },
  };
}
