import { createReader } from './input/reader.ts';
import type { InputEvent } from './input/key.ts';
import { keepOutput, type KeptOutput } from './output/kept-output.ts';
import type { Frame } from './output/frame.ts';
import { createTerminal, type LineUse } from './output/terminal.ts';
import { terminalSink } from './output/terminal-sink.ts';
import type { Size } from './state.ts';

/** The terminal this process was started in, keyboard and screen. */
export interface OwnTerminal {
  readonly size: () => Size;
  /** Takes keyboard and screen. */
  take(): void;
  /** Gives both back as they were; safe to call twice, and when the terminal is gone. */
  give(): void;
  /** Draws what `layout` says as soon as the terminal can take it; the latest counts. */
  draw(layout: () => Frame | undefined): void;
  /** Draws everything again. */
  repaint(): void;
  /** Lets `work` have the terminal, and draws everything when it is back. */
  suspended(work: () => Promise<void>): Promise<void>;
  /** Bytes beside the frames. False when too many wait. */
  send(bytes: string): boolean;
  use(): LineUse;
  /** Bytes of the frame that was drawn last. */
  frameBytes(): number;
  close(): void;
}

interface OwnTerminalOptions {
  readonly onEvent: (event: InputEvent) => void;
  /** The terminal has had another size for a moment. */
  readonly onResized: (size: Size) => void;
  /** Nobody can type any more. */
  readonly onEnd: () => void;
  /** Whatever was thrown while drawing, or in one of the callbacks. */
  readonly onFailed: (error: unknown) => void;
  /** Somebody sent SIGTSTP. */
  readonly onStop: () => void;
  /** Lines of words in place of a screen. */
  readonly isWords: boolean;
  /** How long the rest of a key may be on its way. */
  readonly escapeWaitMs: number;
}

/** Whoever drags a window sends dozens of sizes: it is drawn when they stop, and between them this often. */
const SETTLE_MS = 50;
const MAX_SETTLE_MS = 250;

/** Node asks a terminal for its size on SIGWINCH only, which goes to the job in front: one that was stopped never hears of it. */
function askForSize(): void {
  process.emit('SIGWINCH', 'SIGWINCH');
}

export function ownTerminal({ onEvent, onResized, onEnd, onFailed, onStop, isWords, escapeWaitMs }: OwnTerminalOptions): OwnTerminal {
  const { stdin, stdout, stderr } = process;
  const size = (): Size => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      onFailed(error);
    }
  };
  const sink = terminalSink(stdout);
  const terminal = createTerminal({ sink, size, now: Date.now, isWords, onFailed });
  const reader = createReader(stdin, (event) => guarded(() => onEvent(event)), onEnd, escapeWaitMs);
  let kept: KeptOutput | undefined;
  let isTaken = false;
  let latest: (() => Frame | undefined) | undefined;
  let takenSize = size();
  let settling: { readonly timer: NodeJS.Timeout; readonly since: number } | undefined;

  const drawLatest = () => {
    if (latest && !settling) terminal.draw(latest);
  };

  /** What the terminal made of the old frame is not known. */
  const settle = () => {
    settling = undefined;
    terminal.forget();
    const now = size();
    const isOther = now.columns !== takenSize.columns || now.rows !== takenSize.rows;
    takenSize = now;
    if (isOther) guarded(() => onResized(now));
    drawLatest();
  };
  const onResize = () => {
    const since = settling?.since ?? Date.now();
    clearTimeout(settling?.timer);
    settling = { since, timer: setTimeout(settle, Math.max(0, Math.min(SETTLE_MS, since + MAX_SETTLE_MS - Date.now()))) };
  };
  // Stopped and continued by somebody else: the shell has had the terminal meanwhile.
  const onContinued = () => {
    own.give();
    own.take();
  };

  const own: OwnTerminal = {
    size,
    take() {
      if (isTaken) return;
      isTaken = true;
      // Before anything is drawn, or what is typed ahead is echoed into the first frame.
      reader.start();
      kept = keepOutput([stdout, stderr]);
      terminal.enter();
      askForSize();
      stdout.on('resize', onResize);
      process.on('SIGCONT', onContinued);
      process.on('SIGTSTP', onStop);
      const now = size();
      if (now.columns === takenSize.columns && now.rows === takenSize.rows) drawLatest();
      else settle();
    },
    give() {
      if (!isTaken) return;
      isTaken = false;
      clearTimeout(settling?.timer);
      settling = undefined;
      stdout.off('resize', onResize);
      process.off('SIGCONT', onContinued);
      process.off('SIGTSTP', onStop);
      terminal.leave();
      // The terminal may be gone: then there is nobody to restore it for.
      try {
        reader.stop();
        kept?.release();
      } catch {}
    },
    draw(layout) {
      latest = layout;
      drawLatest();
    },
    repaint() {
      askForSize();
      terminal.forget();
      drawLatest();
    },
    async suspended(work) {
      own.give();
      try {
        await work();
      } finally {
        own.take();
      }
    },
    send: (bytes) => terminal.send(bytes),
    use: () => terminal.use(),
    frameBytes: () => terminal.frameBytes(),
    close() {
      own.give();
      sink.close();
    },
  };
  return own;
}
