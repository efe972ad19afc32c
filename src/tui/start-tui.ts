import { createLayout } from './app.tsx';
import { UserError } from '../protocol/error.ts';
import { createPerformer } from './effects.ts';
import type { Surroundings } from './effects.ts';
import { escapeWaitMs } from './input/reader.ts';
import { createPainter } from './output/painter.ts';
import { readThemes } from './output/themes.ts';
import { ownTerminal } from './own-terminal.ts';
import { picturesOf } from './pictures/on-screen.ts';
import { pictureStyleOf } from './pictures/style.ts';
import { createProgram } from './program.ts';
import { createNarrator } from './reader/narrate.ts';
import { sizeHeard } from './reader/size.ts';
import { initialState, type State } from './state.ts';
import { settingsOf, type TuiSettings } from './settings.ts';
import { usableSettings } from './usable-settings.ts';

export interface TuiOptions {
  /** Opens the backend, telling how far it is. Called after the first frame, and again when a person tries again. */
  readonly connect: Surroundings['connect'];
  /** How it looks and what its keys are; without it, as the environment says, and changes are kept nowhere. */
  readonly settings?: TuiSettings | undefined;
  /** A run to open at once, by id, end of an id, or `last`. */
  readonly initialRun?: string | undefined;
  readonly readOnly?: boolean | undefined;
  /** Name of the file that is shown in place of a backend. */
  readonly recording?: string | undefined;
}

/**
 * Runs the terminal program until a person leaves it, or its terminal goes away.
 *
 * Throws `usage` for a theme or keys of this call that cannot be used before anything is drawn; those of the config file give way to the default, and the first screen says so. A bug restores the terminal first and is
 * then thrown, for the caller to report on the primary screen.
 */
export async function startTui(options: TuiOptions): Promise<void> {
  const environment = process.env;
  const themes = () => readThemes(options.settings?.themesFolder);
  const { settings, problem } = usableSettings(settingsOf(environment, themes(), options.settings?.given), options.settings?.themesFolder);
  if (environment['TERM'] === 'dumb' && !settings.values.screenReader) {
    throw new UserError('usage', 'this terminal cannot draw a screen (TERM is "dumb")', { hint: '`stepscope tail` follows a run in plain lines, and so does --screen-reader.' });
  }
  const paintFor = createPainter();

  const narrator = settings.values.screenReader ? createNarrator() : undefined;
  const terminal = ownTerminal({
    onEvent: (event) => program.dispatch(event),
    onResized: (size) => program.dispatch({ type: 'resized', ...(narrator ? sizeHeard(size) : size) }),
    onEnd: () => leave(),
    onFailed: (error) => onBug(error),
    onStop: () => performer.perform({ type: 'suspend' }),
    isWords: settings.values.screenReader,
    escapeWaitMs: escapeWaitMs(environment['SSH_CONNECTION'] !== undefined || settings.values.lowBandwidth),
  });
  const layout = createLayout((error) => onBug(error));
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  let bug: { readonly error: unknown } | undefined;
  const onBug = (error: unknown) => {
    bug ??= { error };
    leave();
  };

  const performer = createPerformer({
    connect: options.connect,
    settings: {
      save(change) {
        if (!options.settings) throw new UserError('usage', 'there is no config file here, so it holds until you leave');
        options.settings.save(change);
      },
      readThemes: themes,
      logLines: settings.values.logLines,
    },
    dispatch: (message) => program.dispatch(message),
    environment,
    onBug,
    terminal: { suspended: (work) => terminal.suspended(work), repaint: () => terminal.repaint(), write: (bytes) => terminal.send(bytes), exit: () => leave() },
  });
  let measuring: NodeJS.Timeout | undefined;
  const draw = (state: State) => {
    if (narrator) {
      const words = narrator.say(state);
      if (words !== '') terminal.send(words.replaceAll('\n', '\r\n'));
      return;
    }
    if (!state.settings.values.showBytes) {
      clearInterval(measuring);
      measuring = undefined;
    } else measuring ??= setInterval(() => program.dispatch({ type: 'measured', use: terminal.use() }), MEASURE_MS);
    terminal.draw(() => {
      const rows = layout.rows(state, paintFor(state.settings));
      return rows && { rows, pictures: picturesOf(state) };
    });
  };
  const initial = initialState({ size: narrator ? sizeHeard(terminal.size()) : terminal.size(), now: Date.now(), settings, picturesAs: pictureStyleOf(environment), initialRun: options.initialRun, readOnly: options.readOnly, recording: options.recording, problem });
  const program = createProgram({ initial, perform: (effect) => performer.perform(effect), draw, frameBytes: () => terminal.frameBytes(), now: Date.now });

  const giveBack = () => terminal.give();
  const signals = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130, SIGQUIT: 131 } as const;
  const onSignal = (signal: NodeJS.Signals) => {
    giveBack();
    process.exit(signals[signal as keyof typeof signals]);
  };
  process.on('exit', giveBack);
  process.on('uncaughtException', onBug);
  process.on('unhandledRejection', onBug);
  for (const signal of Object.keys(signals)) process.on(signal, onSignal);

  try {
    terminal.take();
    draw(initial);
    performer.perform({ type: 'connect' });
    await left;
  } finally {
    program.stop();
    clearInterval(measuring);
    terminal.close();
    layout.close();
    process.off('exit', giveBack);
    process.off('uncaughtException', onBug);
    process.off('unhandledRejection', onBug);
    for (const signal of Object.keys(signals)) process.off(signal, onSignal);
    await closeWithin(performer.close());
  }
  if (bug) throw bug.error instanceof Error ? bug.error : new Error(String(bug.error));
}

/** How often what the line carries is told, while it is shown. */
const MEASURE_MS = 1_000;
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

