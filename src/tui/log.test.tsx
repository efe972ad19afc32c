import { describe, expect, it } from 'vitest';
import type { Message } from './message.ts';
import { rowAt } from './model/log.ts';
import { changed, keys, logRow, openTerminal, opened, runId, runRow, stepRow } from './testing.tsx';

function withLines(count: number, size?: { readonly columns: number; readonly rows: number }) {
  const lines = Array.from({ length: count }, (_, index) => logRow(100 + index, `line ${index}${index % 10 === 7 ? ' needle' : ''}`, { log_level: index % 20 === 5 ? 'error' : index % 5 === 0 ? 'debug' : 'info' }));
  return openTerminal(size ? { size } : {}, ...opened(runRow({ log_counts: { error: 5 } }), stepRow('load_model', { status: 'running' }), ...lines));
}
const last = (terminal: ReturnType<typeof withLines>) => terminal.screen().split('\n').at(-2);

describe('the log', () => {
  it('follows its end, and stays where a reader stopped while lines come in', () => {
    const terminal = withLines(100);
    expect(last(terminal)).toContain('line 99');
    terminal.press(' ');
    const top = terminal.screen().split('\n')[4];
    terminal.send(changed(...Array.from({ length: 128 }, (_, index) => logRow(300 + index, `fresh ${index}`))));
    expect(terminal.screen().split('\n')[4]).toBe(top);
    expect(terminal.screen()).toContain('▼ +128 new');
    terminal.press('G');
    expect(last(terminal)).toContain('fresh 127');
    expect(terminal.screen()).not.toContain('new');
  });

  it('says that a run logged nothing only when its log has been read', () => {
    const done = runRow({ status: 'completed', completed_at: '2026-03-01T12:00:01.000Z' });
    const terminal = openTerminal({}, { type: 'listed', rows: { runs: [done] } }, { type: 'started', run: done });
    const link = (state: 'connecting' | 'catching-up' | 'live') => terminal.send({ type: 'runLink', runId, link: { state } });
    terminal.press('2');
    link('connecting');
    expect(terminal.screen()).toContain('Reading the log…');
    terminal.send({ type: 'runLink', runId, link: { state: 'lost', reason: 'closed', retryInMs: 1_000 } });
    expect(terminal.screen()).toContain('No line was read before the link was lost.');
    link('live');
    expect(terminal.screen()).toContain('The run logged nothing.');
    terminal.send({ ...changed(done), reading: { part: 0.1, isWhole: false, problem: undefined } } as Message);
    expect(terminal.screen()).toContain('Reading the log…');
  });

  it('freezes when a reader scrolls up', () => {
    const terminal = withLines(100);
    terminal.press('k');
    terminal.send(changed(logRow(300, 'fresh')));
    expect(last(terminal)).toContain('line 99');
    expect(terminal.screen()).toContain('+1 new');
  });

  it('says that it stands still, however long the filter is', () => {
    for (const columns of [80, 120]) {
      const terminal = withLines(100, { columns, rows: 24 });
      terminal.press(' ', 'f', `${'line '.repeat(30)}needle`, keys.enter);
      expect(terminal.screen()).toMatch(/ of 100 {2}line.*….*frozen ▼/);
    }
  });

  it('takes each line once and in order, however it arrives', () => {
    const terminal = withLines(3);
    terminal.send(changed(logRow(205, 'second'), logRow(204, 'first')), changed(logRow(150, 'late'), logRow(205, 'second')));
    const { log } = terminal.state().open!;
    expect(Array.from({ length: log.matchCount }, (_, place) => rowAt(terminal.state().open!, place)?.message)).toEqual(['line 0', 'line 1', 'line 2', 'late', 'first', 'second']);
  });

  it('filters as one types, says what is wrong with a filter, and puts back what was there on Esc', () => {
    const terminal = withLines(100);
    terminal.press('f', 'level>=error');
    expect(terminal.screen()).toContain('5 of 100 lines');
    terminal.press(keys.ctrlU, 'lvel=error');
    expect(terminal.screen()).toContain('There is no field "lvel"');
    expect(terminal.screen()).toContain('Did you mean `level`?');
    terminal.press(keys.esc);
    expect(terminal.state().open?.log.matchCount).toBe(100);
    terminal.press('f', 'needle\r');
    expect(terminal.screen()).toContain('10 lines of 100  needle');
    terminal.press('F');
    expect(terminal.screen()).toContain('100 lines');
  });

  it('does not take the name of a field for a word while it is being typed, but does when it is meant', () => {
    const terminal = withLines(100);
    terminal.press('f', 'needle lev');
    expect(terminal.state().open?.log.matchCount).toBe(10);
    terminal.press('el>=');
    expect(terminal.state().open?.log.matchCount).toBe(10);
    terminal.press(keys.ctrlU, 'fi\r');
    expect(terminal.state().open?.log.matchCount).toBe(0);
  });

  it('wraps what is wrong with a filter', () => {
    const terminal = withLines(20, { columns: 40, rows: 20 });
    terminal.press('f', 'context=nowhere');
    expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain('Contexts are client, edge, webhook, database, server, provider');
    expect(terminal.screen().split('\n')).toHaveLength(20);
  });

  it('raises the least level with L', () => {
    const terminal = withLines(100);
    terminal.press('L');
    expect(terminal.state().open?.log.matchCount).toBe(85);
    terminal.press('LL');
    expect(terminal.screen()).toContain('level>=error');
  });

  it('searches without hiding lines, and counts the matches', () => {
    const terminal = withLines(100);
    terminal.press('/', 'needle\r');
    expect(terminal.state().open?.log.cursor).toBe(7);
    expect(terminal.screen()).toContain('1/10');
    terminal.press('n');
    expect(terminal.screen()).toContain('2/10');
    terminal.press('NN');
    expect(terminal.screen()).toContain('10/10');
    expect(terminal.state().open?.log.matchCount).toBe(100);
  });

  it('goes from error to error', () => {
    const terminal = withLines(100);
    terminal.press('g', 'e');
    expect(rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.message).toBe('line 5');
    terminal.press('e', 'E', 'E');
    expect(rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.message).toBe('line 85');
  });

  it('wraps long lines on w and keeps the newest in sight', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model'), logRow(10, 'short'), logRow(11, `${'word '.repeat(60)}end`)));
    expect(terminal.screen()).not.toContain('end\n');
    terminal.press('w');
    expect(terminal.screen()).toContain(' end\n');
  });

  it('scrolls sideways to the end of the longest line, says how far, and back', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model'), logRow(10, 'short'), logRow(11, `${'x'.repeat(78)}END`)));
    terminal.press('l');
    expect(terminal.screen()).toContain('→ 16');
    terminal.press('lll', keys.right);
    expect(terminal.screen()).toContain('→ 22');
    expect(terminal.screen()).toContain('xEND\n');
    expect(terminal.screen()).toContain('The longest line in sight ends here.');
    // Where only short lines are left in sight they are not scrolled away.
    terminal.send(changed(...Array.from({ length: 30 }, (_, index) => logRow(20 + index, `fresh ${index}`))));
    expect(last(terminal)).toContain('fresh 29');
    terminal.press('H');
    expect(terminal.screen()).not.toContain('→');
    terminal.press('l');
    expect(terminal.screen()).toContain('Every line in sight is shown whole.');
  });
});
