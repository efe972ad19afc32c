import { afterAll, describe, expect, it } from 'vitest';
import { spooledLines } from '../client/log-lines/spooled-lines.ts';
import type { LogLines, Reading } from '../core/log-lines.ts';
import type { LogRow } from '../protocol/rows.ts';
import type { Message } from './message.ts';
import { isScanning, rowAt, shownCount } from './model/log.ts';
import type { State } from './state.ts';
import { keys, logRow, openTerminal, opened, runId, runRow, stepRow, testNow } from './testing.tsx';
import { update } from './update.ts';

/** Lines of a store that is not in the state, as a run that is followed has them. */
const withLines = (lines: LogLines, reading?: Reading): Message => ({ type: 'changed', runId, changes: [], lines, ...(reading && { reading }) });
const rows = (from: number, to: number, make: (at: number) => Partial<LogRow> = () => ({})) => Array.from({ length: to - from }, (_, at) => logRow(from + at, `line ${from + at}`, make(from + at)));
const marked = (at: number): Partial<LogRow> => ({ message: at % 10_000 === 77 ? `line ${at} Needle` : `line ${at}`, log_level: at % 1_000 === 999 ? 'error' : 'info', step_key: at % 2 ? 'load_model' : null });

/** A store of lines, most of them on a disk. */
function stored(count: number, mostLines = 1_000_000) {
  const lines = spooledLines({ memoryBytes: 0, mostLines });
  lines.append(rows(1, count + 1, marked));
  return lines;
}
const longRun = (lines: LogLines, size = { columns: 100, rows: 24 }) => openTerminal({ size }, ...opened(runRow({ log_counts: {} }), stepRow('load_model')), withLines(lines));

const COUNT = 30_000;
const long = stored(COUNT);
afterAll(() => long.close());

describe('a long log', () => {
  it('is shown from a disk, filtered by columns and by text, and gone through by errors', () => {
    const terminal = longRun(long);
    expect(terminal.screen()).toContain('line 30000');
    expect(terminal.screen()).toContain('30,000 lines');
    terminal.press('f', 'needle\r');
    expect(terminal.screen()).toContain('3 lines of 30,000');
    terminal.press('f', keys.ctrlU, 'level>=error\r');
    expect(terminal.screen()).toMatch(/ 30 (lines )?of 30,000/);
    // At once: what is typed letter by letter is looked for with every letter.
    terminal.press('f', keys.ctrlU);
    terminal.send({ type: 'paste', text: '/needle$/' });
    terminal.press('\r');
    expect(shownCount(terminal.state().open!.log)).toBe(3);
    terminal.press('f', keys.ctrlU, '\r', 'g', 'e', 'e');
    expect(rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.message).toBe('line 1999');
  });

  it('is searched to a match that is far away, with the count of all', () => {
    const terminal = longRun(long);
    terminal.press('g', '/', 'needle\r');
    const { log } = terminal.state().open!;
    expect(rowAt(terminal.state().open!, log.cursor)?.message).toBe('line 77 Needle');
    expect(terminal.screen()).toContain('1/3');
    terminal.press('N');
    expect(rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.message).toBe('line 20077 Needle');
    expect(terminal.screen()).toContain('3/3');
  });

  it('is looked at in slices, and what was found so far is shown with how far it came', () => {
    let state: State = openTerminal({ size: { columns: 100, rows: 24 } }).state();
    const send = (message: Message): void => void (state = update(state, message, testNow).state);
    for (const message of [...opened(runRow(), stepRow('load_model')), withLines(long)]) send(message);
    while (isScanning(state.open!)) send({ type: 'scanned' });
    for (const key of 'fneedle') send({ type: 'key', key });
    expect(isScanning(state.open!)).toBe(true);
    expect(state.open!.log.scanned).toBeGreaterThan(1_000);
    expect(state.open!.log.scanned).toBeLessThan(COUNT);
    expect(shownCount(state.open!.log)).toBeLessThan(3);
    // Enter on the filter that is applied already does not begin anew.
    const before = state.open!.log.scanned;
    send({ type: 'key', key: 'enter' });
    expect([state.overlays.length, state.open!.log.scanned]).toEqual([0, before]);
    while (isScanning(state.open!)) send({ type: 'scanned' });
    expect(shownCount(state.open!.log)).toBe(3);
  });

  it('keeps a reader’s line at the top while lines are let go, and says how many went', () => {
    const lines = stored(20_000, 20_000);
    const terminal = longRun(lines, { columns: 80, rows: 24 });
    terminal.press(' ', 'k', 'k');
    // Without the scrollbar, whose marks move.
    const topLine = () => terminal.screen().split('\n').find((line) => line.includes('line 199'))?.slice(0, 60).trimEnd();
    const top = topLine();
    for (let from = 20_001; from < 36_000; from += 400) {
      lines.append(rows(from, from + 400));
      terminal.send(withLines(lines));
    }
    expect(topLine()).toBe(top);
    expect(terminal.screen()).toContain('+16,000 new');
    expect(terminal.screen()).toContain(`${lines.first.toLocaleString('en-US')} older let go`);
    expect(lines.first).toBeGreaterThan(15_800);
    expect(terminal.screen()).toMatch(/The oldest \d+ lines of the log were let go: at most 20,000 are held here/);
    terminal.press('g');
    expect(rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.seq).toBe(lines.first + 1);
    lines.close();
  });

  it('says how far the file was read, and what is wrong with it', () => {
    const lines = stored(100);
    const terminal = longRun(lines);
    terminal.send(withLines(lines, { part: 0.347, isWhole: false, problem: undefined }));
    expect(terminal.screen()).toContain('reading 34 %');
    terminal.send(withLines(lines, { part: 1, isWhole: true, problem: 'the file is cut at line 123' }));
    expect(terminal.screen()).not.toContain('reading');
    expect(terminal.screen()).toContain('The file is cut at line 123. What came before it is shown');
    lines.close();
  });
});
