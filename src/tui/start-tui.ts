import { render } from 'ink';
import { createElement } from 'react';
import { App, type Frame, type Suspend } from './app.tsx';
import { createPerformer } from './effects.ts';
import type { Surroundings } from './effects.ts';
import { createReader } from './input/reader.ts';
import { asciiGlyphs, speaksUnicode, unicodeGlyphs } from './output/glyphs.ts';
import { fullScreen } from './output/full-screen.ts';
import { colorDepth, createPaint } from './output/paint.ts';
import { loadTheme } from './output/themes.ts';
import { createProgram } from './program.ts';
import { initialState } from './state.ts';

export interface TuiOptions {
  /** Opens the backend, telling how far it is. Called after the first frame, and again when a person tries again. */
  readonly connect: Surroundings['connect'];
  /** Name of a file in `themes/`; `dark` when there is none. Ignored where the terminal has no colours. */
  readonly theme?: string | undefined;
  /** Draw with ASCII only; the default follows the locale. */
  readonly ascii?: boolean | undefined;
  /** A run to open at once, by id, end of an id, or `last`. */
  readonly initialRun?: string | undefined;
  readonly readOnly?: boolean | undefined;
  /** Name of the file that is shown in place of a backend. */
  readonly recording?: string | undefined;
}

/**
 * Runs the terminal program until a person leaves it, or its terminal goes away.
 *
 * Throws `usage` for an unknown theme before anything is drawn. A bug restores the terminal first and is
 * then thrown, for the caller to report on the primary screen.
 */
export async function startTui(options: TuiOptions): Promise<void> {
  const environment = process.env;
  const { stdin, stdout } = process;
  const glyphs = (options.ascii ?? !speaksUnicode(environment)) ? asciiGlyphs : unicodeGlyphs;
  const depth = colorDepth(environment);
  const themed = (name: string) => createPaint(loadTheme(name), depth, glyphs.ascii);
  const themeName = options.theme ?? (depth === 0 ? 'mono' : 'dark');

  const size = () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const initial = initialState({ size: size(), now: Date.now(), glyphs, theme: themeName, initialRun: options.initialRun, readOnly: options.readOnly, recording: options.recording });
  let frame: Frame = { state: initial, paint: themed(themeName) };
  const listeners = new Set<() => void>();
  const showFrame = (next: Frame) => {
    frame = next;
    for (const listener of listeners) listener();
  };

  let suspend: Suspend | undefined;
  let bug: { readonly error: unknown } | undefined;
  const onBug = (error: unknown) => {
    bug ??= { error };
    ink.unmount();
  };

  const performer = createPerformer({
    connect: options.connect,
    dispatch: (message) => program.dispatch(message),
    environment,
    onBug,
    terminal: {
      async suspended(work) {
        await suspend?.(async () => {
          reader.stop();
          try {
            await work();
          } finally {
            // Before the screen is drawn again, or keys pressed meanwhile are echoed into it.
            reader.start();
          }
        });
      },
      write: (bytes) => void stdout.write(bytes),
      setTheme: (name) => showFrame({ ...frame, paint: themed(name) }),
      exit: () => ink.unmount(),
    },
  });
  const program = createProgram({ initial, perform: (effect) => performer.perform(effect), draw: (state) => showFrame({ ...frame, state }), now: Date.now });
  const reader = createReader(stdin, (bytes) => void stdout.write(bytes), (event) => guarded(() => program.dispatch(event)), () => ink.unmount());
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      onBug(error);
    }
  };

  // The terminal may be gone: then there is nobody to restore it for, and writing would throw again.
  const restore = () => {
    try {
      reader.stop();
    } catch {}
  };
  process.on('exit', restore);
  // Before anything is drawn, or what is typed ahead is echoed into the first frame.
  reader.start();
  const ink = render(
    createElement(App, {
      frames: { get: () => frame, subscribe: (listener: () => void) => (listeners.add(listener), () => void listeners.delete(listener)) },
      onReady: (suspendTerminal) => (suspend = suspendTerminal),
    }),
    // Input is ours alone; incremental rendering writes only the rows that changed.
    { alternateScreen: true, exitOnCtrlC: false, incrementalRendering: true, interactive: true, maxFps: 60, patchConsole: true, stdout: fullScreen(stdout) },
  );

  const onResize = () => guarded(() => {
    const now = size();
    // Multiplexers send SIGWINCH without a change of size.
    const known = program.state().size;
    if (now.columns !== known.columns || now.rows !== known.rows) program.dispatch({ type: 'resized', ...now });
  });
  const signals = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130, SIGQUIT: 131 } as const;
  const onSignal = (signal: NodeJS.Signals) => {
    ink.unmount();
    restore();
    process.exit(signals[signal as keyof typeof signals]);
  };
  stdout.on('resize', onResize);
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  for (const signal of Object.keys(signals)) process.on(signal, onSignal);

  try {
    performer.perform({ type: 'connect' });
    await ink.waitUntilExit();
  } catch (error) {
    bug ??= { error };
  } finally {
    program.stop();
    restore();
    stdout.off('resize', onResize);
    process.off('exit', restore);
    process.off('uncaughtException', onBug);
    process.off('unhandledRejection', onBug);
    for (const signal of Object.keys(signals)) process.off(signal, onSignal);
    await closeWithin(performer.close());
  }
  if (bug) throw bug.error instanceof Error ? bug.error : new Error(String(bug.error));
}

/** Leaving must not wait for a link that does not answer. */
const CLOSE_MS = 1_000;

async function closeWithin(closing: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS);
  });
  await Promise.race([closing.catch(() => undefined), patience]);
  clearTimeout(timer);
}

