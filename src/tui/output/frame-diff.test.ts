import xterm from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clearedScreen, drawnFrame, frameDiff } from './frame-diff.ts';
import type { Picture } from './picture.ts';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

const open = ({ columns, rows }: Size) => new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
const written = (terminal: xterm.Terminal, bytes: string) => new Promise<void>((resolve) => terminal.write(bytes, resolve));

/** Every cell with all that can be seen of it: on a blank, its background alone. */
function cellsOf(terminal: xterm.Terminal): readonly string[] {
  const rows: string[] = [];
  for (let y = 0; y < terminal.rows; y += 1) {
    const row = terminal.buffer.active.getLine(y)!;
    let text = '';
    for (let x = 0; x < terminal.cols; x += 1) {
      const cell = row.getCell(x)!;
      const chars = cell.getChars() || (cell.getWidth() === 0 ? '' : ' ');
      const background = `${cell.getBgColorMode()}:${cell.getBgColor()}`;
      const isPlainBlank = chars === ' ' && !cell.isInverse() && !cell.isUnderline();
      const style = isPlainBlank ? background : [background, `${cell.getFgColorMode()}:${cell.getFgColor()}`, cell.isBold(), cell.isDim(), cell.isItalic(), cell.isUnderline(), cell.isInverse()].join();
      text += `${chars}{${style}}`;
    }
    rows.push(text);
  }
  return rows;
}

/** The frame as a terminal shows it that is told all of it, place by place. */
async function expected(rows: readonly string[], size: Size): Promise<readonly string[]> {
  const terminal = open(size);
  await written(terminal, rows.map((one, at) => `\u001b[${at + 1}H\u001b[m${one}\u001b[m`).join(''));
  return cellsOf(terminal);
}

const styles = ['', '1', '2', '31', '1;4;92', '7', '3;38;5;200', '48;2;10;20;30', '38;2;1;2;3;44', '4', '7;41'];
const pieces = ['a', 'hello', ' ', '     ', '表', '表示', '✔', '…', '─────', 'e\u0301', '한', '0', '1234567', ''];
const piece = fc.tuple(fc.constantFrom(...styles), fc.constantFrom(...pieces)).map(([style, text]) => (style === '' ? text : `\u001b[${style}m${text}\u001b[0m`));
const row = fc.array(piece, { maxLength: 7 }).map((all) => all.join(''));

describe('the difference between two frames', () => {
  it('turns a terminal that shows any frame into one that shows the next, cell by cell and colour by colour', async () => {
    const size = fc.record({ columns: fc.integer({ min: 40, max: 60 }), rows: fc.integer({ min: 1, max: 12 }) });
    // Frames that are edits of one another: rows move, change in the middle, come and go.
    const step = fc.record({ by: fc.integer({ min: -4, max: 4 }), top: fc.nat(11), fresh: fc.array(fc.tuple(fc.nat(11), row), { maxLength: 4 }) });
    await fc.assert(
      fc.asyncProperty(size, fc.array(row, { minLength: 12, maxLength: 12 }), fc.array(step, { minLength: 1, maxLength: 5 }), async (of, first, steps) => {
        const terminal = open(of);
        await written(terminal, '\u001b[?1049h\u001b[2J\u001b[H');
        let rows: readonly string[] = first.slice(0, of.rows);
        let shown = clearedScreen(of);
        const frames = [rows, ...steps.map(({ by, top, fresh }) => (rows = moved(rows, top, by, fresh)))];
        for (const frame of frames) {
          const next = drawnFrame({ rows: frame, pictures: [] }, of, shown);
          await written(terminal, frameDiff(shown, next));
          shown = next;
          expect(cellsOf(terminal)).toEqual(await expected(frame, of));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('rights a terminal of which nothing is known', async () => {
    const size = { columns: 40, rows: 4 };
    const terminal = open(size);
    await written(terminal, 'what was there before\r\n\u001b[41m and its colours表表表\r\n'.repeat(9));
    const rows = ['one', '\u001b[31mtwo\u001b[0m', '', '表'.repeat(20)];
    await written(terminal, frameDiff(undefined, drawnFrame({ rows, pictures: [] }, size)));
    expect(cellsOf(terminal)).toEqual(await expected(rows, size));
  });

  it('costs nothing where nothing differs, and the changed cells where some do', () => {
    const size = { columns: 80, rows: 24 };
    const frame = (clock: string) => drawnFrame({ rows: ['header', `\u001b[32mrunning\u001b[0m ${clock} of much else`, ...Array.from({ length: 22 }, (_, at) => `line ${at}`)], pictures: [] }, size);
    expect(frameDiff(frame('00:01'), frame('00:01'))).toBe('');
    expect(frameDiff(frame('00:01'), frame('00:02'))).toBe('\u001b[2;13H2');
  });

  it('moves the rows of a tail by a scroll region, and writes the new one alone', () => {
    const size = { columns: 80, rows: 24 };
    const frame = (first: number) => drawnFrame({ rows: ['header', ...Array.from({ length: 22 }, (_, at) => `\u001b[36m12:00:${first + at}\u001b[0m something was logged, number ${first + at}`), 'footer'], pictures: [] }, size);
    const bytes = frameDiff(frame(10), frame(11));
    expect(bytes).toBe('\u001b[2;23r\u001b[23H\n\u001b[36m12:00:32 \u001b[msomething was logged, number 32\u001b[r');
    expect(frameDiff(frame(11), frame(10))).toContain('\u001bM');
    expect(frameDiff(frame(10), frame(13)).length).toBeLessThan(180);
  });

  it('moves rows although a scrollbar beside them stays', () => {
    const size = { columns: 80, rows: 24 };
    const frame = (first: number) => drawnFrame({ rows: Array.from({ length: 24 }, (_, at) => `something long was logged, number ${first + at}`.padEnd(79) + (at < 12 ? '│' : '█')), pictures: [] }, size);
    expect(frameDiff(frame(100), frame(101)).length).toBeLessThan(120);
  });

  it('blanks no cell that both frames fill', () => {
    const size = { columns: 20, rows: 2 };
    const of = (...rows: readonly string[]) => drawnFrame({ rows, pictures: [] }, size);
    expect(frameDiff(of('a long row of text', 'x'), of('a short one', 'x'))).toBe('\u001b[1;3Hshort one\u001b[K');
    expect(frameDiff(of('x'), of('y'))).not.toContain('\u001b[K');
  });

  it('sends a picture when it comes, when what is below it is written, and never else', () => {
    const size = { columns: 40, rows: 8 };
    const picture: Picture = { id: 'a', row: 2, column: 5, rows: 3, columns: 10, bytes: '<picture>' };
    const of = (rows: readonly string[], ...pictures: readonly Picture[]) => drawnFrame({ rows, pictures }, size);
    expect(frameDiff(of(['x']), of(['x'], picture))).toBe('\u001b[3;6H<picture>');
    expect(frameDiff(of(['x'], picture), of(['y'], picture))).toBe('\u001b[Hy');
    expect(frameDiff(of(['x'], picture), of(['x', '', '', 'new'], picture))).toBe('\u001b[4Hnew\u001b[3;6H<picture>');
    // Writing over the cells takes it away, unless it says what else does.
    expect(frameDiff(of(['x'], picture), of(['x']))).toBe('\u001b[3;6H\u001b[K\u001b[B\u001b[K\u001b[B\u001b[K');
    expect(frameDiff(of(['x'], { ...picture, erase: '<erase>' }), of(['x']))).toBe('<erase>');
  });

  it('puts what follows where it belongs, though the terminal takes a character for wider or narrower', async () => {
    const size = { columns: 40, rows: 1 };
    const of = (text: string) => drawnFrame({ rows: [text], pictures: [] }, size);
    const shown = async (...rows: readonly string[]) => {
      const terminal = open(size);
      let before = clearedScreen(size);
      for (const one of rows) {
        await written(terminal, frameDiff(before, of(one)));
        before = of(one);
      }
      return terminal.buffer.active.getLine(0)!.translateToString(true);
    };
    // As graphemes are counted, the first takes one cell, the others two; this terminal thinks the opposite.
    expect((await shown('ก\u0e33 then │')).replaceAll(/[ก\u0e33]/g, '*')).toBe('* then │');
    expect(await shown('🚀 then │')).toBe('🚀  then │');
    expect(await shown('xxxxxxxxxxxxxx', '🚀🇩🇪│')).toBe('🚀 🇩🇪│');
  });

  it('lets nothing through but text and styles', () => {
    const size = { columns: 40, rows: 1 };
    const bytes = frameDiff(clearedScreen(size), drawnFrame({ rows: ['a\u001b[2Jb\u001b]52;c;YQ==\u0007c\u009bd'], pictures: [] }, size));
    // oxlint-disable-next-line no-control-regex -- the point of it
    expect(bytes).not.toMatch(/[\u0000-\u0019\u007f-\u009f]|\u001b(?!\[[0-9;]*[HmK])/);
  });

  it('marks the ends of a large frame, for terminals that can show it as one', () => {
    const size = { columns: 80, rows: 24 };
    const frame = drawnFrame({ rows: Array.from({ length: 24 }, (_, at) => `row ${at} `.repeat(8)), pictures: [] }, size);
    const bytes = frameDiff(clearedScreen(size), frame);
    expect([bytes.slice(0, 8), bytes.slice(-8)]).toEqual(['\u001b[?2026h', '\u001b[?2026l']);
  });
});

function moved(rows: readonly string[], top: number, by: number, fresh: readonly (readonly [number, string])[]): readonly string[] {
  const next = rows.map((one, at) => (at < top ? one : (rows[at + by] ?? '')));
  for (const [at, text] of fresh) if (at < next.length) next[at] = text;
  return next;
}
