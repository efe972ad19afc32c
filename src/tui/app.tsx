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
 * Rows of text are laid out as a mark each: its number, in two digits of visible ASCII, which Ink measures
 * without asking what Unicode says. Nothing that is drawn is narrower.
 */
const FIRST_DIGIT = 0x21;
const DIGITS = 94;
const MAX_MARKS = DIGITS * DIGITS;

/** A row that is painted, and the cells it takes. */
interface Painted {
  readonly text: string;
  readonly cells: number;
}

/**
 * Ink, which lays out and does nothing else. It never sees a text: what a view paints is kept here, Ink gets
 * a mark in its place, and the text takes the place where the mark comes to stand. Most frames change texts
 * alone, and then Ink has nothing to do.
 *
 * Its output is a stream of ours that keeps the last frame, its input one that never says anything. With
 * `debug` it renders at once, a whole frame at a time, without moving a cursor or setting modes.
 */
export function createLayout(onFailed: (error: unknown) => void): Layout {
  let marks: readonly string[] = [];
  let isOver = false;
  let size: Size = { columns: 80, rows: 24 };
  const stdout = Object.assign(new EventEmitter(), {
    isTTY: true,
    // Nothing but frames comes, until Ink closes: then an empty text with a callback, or a line end.
    write(text: string, done?: () => void): boolean {
      if (text === '' || text === '\n') isOver = true;
      else if (!isOver) marks = text.split('\n');
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
      const painted: Painted[] = [];
      // A new one for each frame, so that React asks every view again.
      const marking: Paint = (line, cells) => {
        if (painted.length >= MAX_MARKS) throw new Error(`more than ${MAX_MARKS} rows in a frame`);
        painted.push({ text: paint(line, cells), cells });
        return markOf(painted.length - 1);
      };
      const app = <App state={state} paint={marking} />;
      if (ink) ink.rerender(app);
      else {
        ink = render(app, { ...streams, debug: true, interactive: false, exitOnCtrlC: false, patchConsole: false });
        // What throws while it is drawn, Ink keeps for whoever waits for its end.
        ink.waitUntilExit().catch(onFailed);
      }
      return isOver ? undefined : marks.map((row) => filledIn(row, painted));
    },
    close() {
      ink?.unmount();
    },
  };
}

function markOf(index: number): string {
  return String.fromCharCode(FIRST_DIGIT + Math.floor(index / DIGITS), FIRST_DIGIT + (index % DIGITS));
}

function filledIn(marks: string, painted: readonly Painted[]): string {
  let row = '';
  let end = 0;
  for (let column = 0; column < marks.length; column += 1) {
    if (marks[column] === ' ') continue;
    const one = painted[(marks.charCodeAt(column) - FIRST_DIGIT) * DIGITS + marks.charCodeAt(column + 1) - FIRST_DIGIT];
    if (!one) continue;
    row += ' '.repeat(Math.max(0, column - end)) + one.text;
    end = column + one.cells;
    column += 1;
  }
  return row;
}
