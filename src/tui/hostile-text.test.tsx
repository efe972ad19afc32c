import { describe, expect, it } from 'vitest';
import { span } from './output/line.ts';
import { createPaint } from './output/paint.ts';
import { loadTheme } from './output/themes.ts';
import { keys, listed, logRow, openTerminal, opened, runRow, snapshotOf, stepRow } from './testing.tsx';
import { hostileTexts } from './testing/hostile-texts.ts';

/** Bytes that may be there: printable ones, line ends between rows, and the SGR sequences of our own painter. */
function isInert(painted: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  return !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/u.test(painted.replaceAll(/\u001b\[[\d;]*m/g, ''));
}

describe('text from outside', () => {
  it.each(Object.entries(hostileTexts))('leaves the painter inert: %s', (_name, text) => {
    const painted = createPaint(loadTheme('dark'), 24)([span(text, 'error'), span(' end')], 400);
    expect(isInert(painted)).toBe(true);
    expect(painted).not.toContain('\n');
  });

  it.each(Object.entries(hostileTexts))('draws %s without obeying it, everywhere', (_name, text) => {
    const run = runRow({ bookmark_name: text, bookmarked: true, model_name: text, error_message: text, status: 'failed', tags: [text], notes: text, failed_step: 'load_model' });
    const step = stepRow('load_model', { status: 'failed', step_name: text, error_message: text, error_stack: `${text}\n    at ${text}` });
    const value = { [text]: text, nested: { [text]: [text] } };
    const source = { code: text, firstLine: 1, highlightFrom: 1, highlightTo: 1, filePath: text, functionName: text };
    for (const size of [{ columns: 80, rows: 24 }, { columns: 150, rows: 40 }]) {
      const terminal = openTerminal({ size }, ...opened(run, step, logRow(50, text, { data: value, function_name: text })), snapshotOf('load_model', { inputs: value, outputs: value, stateBefore: {}, stateAfter: value, source }));
      for (const key of ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'm', keys.esc, 'r', keys.esc, '2', '\r', keys.esc, '3', 'i', keys.esc, 'q']) {
        terminal.press(key);
        const painted = terminal.painted();
        expect(isInert(painted), `${size.columns} after ${JSON.stringify(key)}`).toBe(true);
        expect(painted.split('\n'), `${size.columns} after ${JSON.stringify(key)}`).toHaveLength(size.rows);
      }
    }
  });

  it('may be pasted anywhere without running anything', () => {
    const terminal = openTerminal({}, listed);
    terminal.press('\u001b[200~n\rN\rq\u001b[201~');
    expect(terminal.effects).toEqual([]);
    expect(terminal.screen()).toContain('nothing was pasted');
    terminal.press('/', '\u001b[200~two\nlines\u001b]52;c;eA==\u0007\u001b[201~');
    expect(isInert(terminal.painted())).toBe(true);
  });

  it('stays readable without colours and with ASCII alone', () => {
    const terminal = openTerminal({ ascii: true, depth: 0 }, ...opened(runRow(), stepRow('load_model', { status: 'running' }), logRow(50, 'hello')));
    for (const key of ['1', '2', '3', '8', '?', keys.esc, 'B', keys.esc, 'r', keys.esc]) {
      terminal.press(key);
      expect(terminal.screen(), key).toMatch(/^[\n\u0020-\u007e]*$/);
    }
    // oxlint-disable-next-line no-control-regex -- the colours of terminals begin with it
    expect(terminal.painted()).not.toMatch(/\u001b\[[34]8?[0-9;]*m/);
  });
});
