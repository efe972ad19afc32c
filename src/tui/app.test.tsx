import { describe, expect, it, vi } from 'vitest';
import { createLayout } from './app.tsx';
import { heldRun, keys, listed, openTerminal } from './testing.tsx';
import { createPainter } from './output/painter.ts';

/** Rows without what the terminal is told besides text. */
// oxlint-disable-next-line no-control-regex -- styles begin with it
const plain = (rows: readonly string[] | undefined) => rows?.map((row) => row.replaceAll(/\u001b\[[0-9;]*m/g, '').trimEnd()).join('\n').trimEnd();

describe('the layout', () => {
  it('puts every row where Ink has its place, in panes side by side and one after the other', () => {
    const layout = createLayout(() => expect.unreachable());
    const paintFor = createPainter();
    for (const size of [{ columns: 160, rows: 50 }, { columns: 80, rows: 24 }, { columns: 40, rows: 8 }, { columns: 250, rows: 100 }]) {
      const terminal = openTerminal({ size }, listed, ...heldRun());
      for (const key of ['2', '?', keys.esc, ':']) {
        if (key !== '') terminal.press(key);
        const state = terminal.state();
        expect(plain(layout.rows(state, paintFor(state.settings)))).toBe(terminal.screen());
      }
    }
    layout.close();
  });

  it('takes new texts though nothing of the layout changes', () => {
    const layout = createLayout(() => expect.unreachable());
    const paintFor = createPainter();
    const terminal = openTerminal({}, listed, ...heldRun());
    const rows = () => plain(layout.rows(terminal.state(), paintFor(terminal.state().settings)));
    const before = rows();
    terminal.later(60_000);
    expect(rows()).not.toBe(before);
    expect(rows()).toBe(terminal.screen());
    layout.close();
  });

  it('tells when a view throws, and draws nothing of it', async () => {
    const failures: unknown[] = [];
    const layout = createLayout((error) => failures.push(error));
    const state = openTerminal({}, listed, ...heldRun()).state();
    const broken = () => {
      throw new TypeError('a bug');
    };
    expect(layout.rows(state, broken)).toBeUndefined();
    await vi.waitFor(() => expect(failures).toEqual([new TypeError('a bug')]));
  });
});
