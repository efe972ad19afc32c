import { EventEmitter } from 'node:events';
import { render } from 'ink';
import type { ReactElement } from 'react';
import type { Paint } from './output/paint.ts';
import type { Size, State } from './state.ts';
import { PaintContext } from './view/paint-context.ts';
import { Screen } from './view/screen.tsx';

/** Turns states into rows of text. */
export interface Layout {
  /** The rows of the whole screen; undefined once drawing has failed, of which `onFailed` hears. */
  rows(state: State, paint: Paint): readonly string[] | undefined;
  close(): void;
}

function App({ state, paint }: { readonly state: State; readonly paint: Paint }): ReactElement {
  return (
    <PaintContext value={paint}>
      <Screen state={state} />
    </PaintContext>
  );
}

/**
 * Ink, which lays out and does nothing else: its output is a stream of ours that keeps the last frame, its
 * input one that never says anything. With `debug` it renders at once, a whole frame at a time, without
 * moving a cursor, patching the console or setting modes.
 */
export function createLayout(onFailed: (error: unknown) => void): Layout {
  let frame = '';
  let isOver = false;
  let size: Size = { columns: 80, rows: 24 };
  const stdout = Object.assign(new EventEmitter(), {
    isTTY: true,
    // Nothing but frames comes, until Ink closes: then an empty text with a callback, or a line end.
    write(text: string, done?: () => void): boolean {
      if (text === '' || text === '\n') isOver = true;
      else if (!isOver) frame = text;
      done?.();
      return true;
    },
  });
  Object.defineProperties(stdout, { columns: { get: () => size.columns }, rows: { get: () => size.rows } });
  const streams = {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: Object.assign(new EventEmitter(), { write: () => true }) as unknown as NodeJS.WriteStream,
    stdin: new EventEmitter() as unknown as NodeJS.ReadStream,
  };
  let ink: ReturnType<typeof render> | undefined;

  return {
    rows(state, paint) {
      size = state.size;
      const app = <App state={state} paint={paint} />;
      if (ink) ink.rerender(app);
      else {
        ink = render(app, { ...streams, debug: true, interactive: false, exitOnCtrlC: false, patchConsole: false });
        // What throws while it is drawn, Ink keeps for whoever waits for its end.
        ink.waitUntilExit().catch(onFailed);
      }
      return isOver ? undefined : frame.split('\n');
    },
    close() {
      ink?.unmount();
    },
  };
}
