import { describe, expect, it } from 'vitest';
import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { at, changed, heldRun, keys, listed, logRow, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from '../testing.tsx';
import { answers, everyLine, situations } from '../testing/situations.ts';
import { answerAll } from './testing.ts';

const otherId = '019578a1-0000-7000-8000-00000000def2';
const twoRuns = [runRow({ status: 'completed', created_at: at(1_000) }), runRow({ id: otherId, test_run_id: otherId, status: 'failed', parent_run_id: runId, created_at: at(0) })];
const house = (): TestTerminal => openTerminal({}, listed, { type: 'listed', rows: { runs: twoRuns } });
const title = (terminal: TestTerminal): string => terminal.screen().split('\n')[0]!.trim().replace(/ {2,}.*$/, '');

describe('the views of the house', () => {
  it('are turned by their keys, and named in a row', () => {
    const terminal = house();
    expect(terminal.screen()).toContain('1 runs 2 logs 3 compared 4 sessions 5 times 6 breakpoints 7 settings');
    const seen = ['2', '3', '4', '5', '6', '7', '1'].map((key) => {
      terminal.press(key);
      return title(terminal);
    });
    expect(seen).toEqual(['logs of everything', 'comparisons', 'sessions', 'performance of run 00abc1', 'breakpoints and watches of generate-content', 'Settings', 'stepscope']);
    terminal.press(keys.tab);
    expect(title(terminal)).toBe('logs of everything');
    terminal.press('-');
    expect(title(terminal)).toBe('stepscope');
    terminal.press('-', '3', keys.esc);
    expect(title(terminal)).toBe('stepscope');
    expect(terminal.state().screens).toEqual([]);
  });

  it('say why one cannot be shown, and are passed over by Tab then', () => {
    const terminal = openTerminal({}, { type: 'listed', rows: { runs: [], pipelines: [] } });
    terminal.press('5');
    expect(terminal.screen()).toContain('There is no run yet whose times could be shown.');
    terminal.press('4', keys.tab);
    expect(title(terminal)).toBe('Settings');
  });

  it('stand over an open run by their words, and Esc comes back to it', () => {
    const terminal = openTerminal({}, ...heldRun());
    for (const word of ['logs', 'comparisons', 'sessions', 'info', 'perf']) {
      terminal.press(':', word, keys.enter);
      expect(terminal.state().screens).toHaveLength(1);
      terminal.press(keys.esc);
      expect([terminal.state().open?.runId, terminal.state().screens.length]).toEqual([runId, 0]);
    }
  });
});

describe('a run that was opened over a screen', () => {
  it('leads back there, from one run to another and again', () => {
    const terminal = house();
    const open = (): string => `${terminal.state().open?.runId.slice(-6) ?? 'none'} ${terminal.state().screens.map((one) => one.name).join(' ')}`;
    terminal.press('v');
    answerAll(terminal, answers);
    terminal.press('j', keys.enter);
    expect(open()).toBe('00def2 ');
    terminal.press('v');
    answerAll(terminal, answers);
    terminal.press('k', keys.enter);
    expect(open()).toBe('00abc1 ');
    const back = ['00def2 family', '00def2 ', 'none family', 'none '].map((place) => {
      terminal.press(keys.esc);
      return [open(), place];
    });
    for (const [is, place] of back) expect(is).toBe(place);
    expect(terminal.effects.filter((effect) => effect.type === 'follow').map((effect) => effect.runId)).toEqual([otherId, runId, otherId]);
  });

  it('is not read again where it lies beneath the screen', () => {
    const terminal = openTerminal({}, ...heldRun(), { type: 'listed', rows: { runs: twoRuns } });
    terminal.press('v');
    answerAll(terminal, answers);
    const follows = terminal.effects.filter((effect) => effect.type === 'follow').length;
    terminal.press(keys.enter, keys.esc);
    expect(terminal.state().screens.map((one) => one.name)).toEqual(['family']);
    expect(terminal.effects.filter((effect) => effect.type === 'follow')).toHaveLength(follows);
  });
});

describe('the logs of everything', () => {
  const logs = (): TestTerminal => {
    const terminal = house();
    terminal.press('2');
    return terminal;
  };
  const hear = (terminal: TestTerminal, from: number, count: number, change: Partial<LogRow> = {}, isFresh = false): void =>
    terminal.send({ type: 'heard', news: { kind: 'logs', isFresh, rows: Array.from({ length: count }, (_, index) => everyLine(from + index, index % 2 === 0 ? runId : otherId, change)) } });

  it('are followed while they are shown, and not a moment longer', () => {
    const terminal = logs();
    const following = () => terminal.effects.filter((effect) => effect.type === 'followNews').map((effect) => effect.following?.kind);
    expect(following()).toEqual(['logs']);
    terminal.press('4');
    expect(following()).toEqual(['logs', 'sessions']);
    hear(terminal, 0, 2);
    terminal.press(keys.esc);
    expect(following()).toEqual(['logs', 'sessions', undefined]);
  });

  it('follow the newest line, and stay where a reader stopped while lines come in', () => {
    const terminal = logs();
    hear(terminal, 0, 100, {}, true);
    expect(terminal.screen()).toContain('line 99');
    terminal.press('k', 'k');
    const before = terminal.screen().split('\n').slice(3, -1);
    hear(terminal, 100, 7);
    expect(terminal.screen()).toContain('frozen ▼ +7 new');
    expect(terminal.screen().split('\n').slice(3, -1)).toEqual(before);
    terminal.press('G');
    expect(terminal.screen()).toContain('line 106');
    expect(terminal.screen()).not.toContain('frozen');
  });

  it('read older lines when a reader comes to the first, and stay on it', () => {
    const terminal = logs();
    hear(terminal, 40, 60, {}, true);
    terminal.press('g');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'ask', question: { kind: 'olderLogs' } });
    const under = (): string | undefined => terminal.screen().split('\n').find((row) => row.startsWith('›'));
    expect(under()).toContain('line 40 ');
    answerAll(terminal, () => Array.from({ length: 10 }, (_, index) => everyLine(30 + index, runId)));
    expect(under()).toContain('line 40 ');
    expect(terminal.screen()).toContain('70 lines');
    terminal.press('g');
    answerAll(terminal, () => []);
    expect(terminal.screen()).toContain('all there are');
  });

  it('narrow as a filter is typed, by run and by pipeline too', () => {
    const terminal = logs();
    hear(terminal, 0, 40, {}, true);
    hear(terminal, 40, 2, { log_level: 'error', message: 'width is too large' });
    terminal.press('f', 'level>=error run=def2x');
    expect(terminal.screen()).toContain('No line of 42 passes.');
    terminal.press('\u007f', '\u007f', '\u007f', '\u007f', '\u007f', '00def2 pipeline=generate*');
    expect(terminal.screen()).toContain('1 of the newest 42 lines, older ones are being read  level>=error run=00d');
    terminal.press(keys.enter, 'F');
    expect(terminal.screen()).toContain('filters off');
    terminal.press('F', 'f', keys.ctrlU, 'nofield=1');
    expect(terminal.screen()).toContain('nofield');
    terminal.press(keys.esc);
    expect(terminal.screen()).toContain('1 of the newest 42 lines');
  });

  it('read older pages while few lines pass, and say when all were read', () => {
    const terminal = logs();
    hear(terminal, 400, 100, {}, true);
    terminal.press('f', 'level>=error');
    expect(terminal.screen()).toContain('No line of 100 passes. Older ones are being read.');
    expect(terminal.screen()).toContain('0 of 100 pass  level>=warn context= step= run= pipeline= words /expr/ -not');
    terminal.press(keys.enter);
    const pages = [300, 200].map((from) => Array.from({ length: 100 }, (_, index) => everyLine(from + index, runId, index === 7 ? { log_level: 'error' } : {})));
    answerAll(terminal, () => pages.shift() ?? [everyLine(200, runId)]);
    expect(terminal.screen()).toContain('2 of 300 lines, all there are  level>=error');
    expect(terminal.screen().split('\n').find((row) => row.startsWith('›'))).toContain('line 307 ');
    terminal.press('F');
    expect(terminal.screen()).toContain('300/300');
  });

  it('read older pages as far as lines are held, and say what reads further', () => {
    const terminal = logs();
    hear(terminal, limits.everyLogHeld - limits.everyLogPage, limits.everyLogPage, {}, true);
    expect(terminal.screen()).toContain('500/newest 500');
    terminal.press('f', 'nothing has this', keys.enter);
    let from = limits.everyLogHeld - limits.everyLogPage;
    answerAll(terminal, () => {
      from -= limits.everyLogPage;
      return Array.from({ length: limits.everyLogPage }, (_, index) => everyLine(from + index, runId));
    });
    expect(from).toBe(0);
    expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain('No line of 10,000 passes. No more are held; `stepscope tail RUN --filter` reads all lines of one run.');
  });

  it('open the run of a line at that line, and Esc comes back to it', () => {
    const terminal = logs();
    hear(terminal, 0, 100, {}, true);
    terminal.press('e');
    expect(terminal.screen()).toContain('No error is among these lines.');
    terminal.press(...Array.from({ length: 10 }, () => 'k'), keys.enter);
    expect(terminal.state().open?.runId).toBe(otherId);
    const run = runRow({ id: otherId, test_run_id: otherId, status: 'completed' });
    const seq = terminal.state().open!.seekSeq!;
    expect(seq).toBe(89);
    terminal.send({ ...changed(run, ...Array.from({ length: 120 }, (_, index) => logRow(index, `own line ${index}`, { test_run_id: otherId }))), runId: otherId } as Parameters<typeof terminal.send>[0]);
    expect(terminal.screen().split('\n').find((row) => row.startsWith('›'))).toContain('own line 89');
    terminal.press(keys.esc);
    expect(terminal.screen().split('\n').find((row) => row.startsWith('›'))).toContain('line 89 ');
  });

  it('hold so many lines and no more: the oldest go while the newest is followed, and new ones wait while it is not', () => {
    const terminal = logs();
    hear(terminal, 0, limits.everyLogHeld, {}, true);
    hear(terminal, limits.everyLogHeld, 5);
    expect(terminal.screen()).toContain(`${limits.everyLogHeld.toLocaleString('en-US')} lines`);
    terminal.press(' ');
    hear(terminal, limits.everyLogHeld + 5, 3);
    expect(terminal.screen()).toContain('+3 new');
    terminal.press(' ');
    expect(terminal.screen()).toContain('Reading the newest lines…');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'followNews', following: { kind: 'logs', round: 1, after: undefined } });
  });

  it('break what they say into rows with the keys in it', () => {
    const terminal = logs();
    hear(terminal, 0, 40, {}, true);
    terminal.press('f', 'level>=error', keys.enter);
    answerAll(terminal, () => []);
    expect(terminal.screen().split('\n').slice(4, 5)).toEqual(['  No line of 40 passes. F switches the filters off, f edits them.']);
  });

  it('say what to do where there are none', () => {
    const terminal = logs();
    hear(terminal, 0, 0, {}, true);
    expect(terminal.screen()).toContain('No run has logged anything yet');
  });
});

describe('kept comparisons', () => {
  it('say where the runs parted, open, and go after a question', () => {
    const terminal = situations['screen: comparisons']!();
    expect(terminal.screen()).toMatch(/✘ differ .*before and after the new upload/);
    expect(terminal.screen()).toContain('B 2 Prepare Inputs  inputs /width: 512 → 8192');
    terminal.press('d');
    expect(terminal.screen()).toContain('"before and after the new upload" of 00abc1 and 00def2 goes, for everybody.');
    terminal.press(keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'write', write: { kind: 'removeComparison' } });
    const asked = () => terminal.effects.filter((effect) => effect.type === 'ask' && effect.question.kind === 'comparisons').length;
    const before = asked();
    terminal.send({ type: 'written', written: { text: 'The comparison is removed.', outdated: ['comparisons'] } });
    expect(asked()).toBe(before + 1);
    answerAll(terminal, (question) => (question.kind === 'comparisons' ? [] : answers(question)));
    expect(terminal.screen()).toContain('None is kept yet. In the list of runs D marks a run');
    const other = situations['screen: comparisons']!();
    other.press(keys.enter);
    expect(title(other)).toBe('compare A 00abc1, B 00def2');
  });
});

describe('sessions', () => {
  it('say who is there, by number where one person has two terminals, and are joined and begun', () => {
    const terminal = situations['screen: sessions']!();
    expect(terminal.screen()).toMatch(/the bad upload .*2 here/);
    expect(terminal.screen()).toContain('ada 2');
    expect(terminal.screen()).toContain('looks at 00abc1, 5 Storage Upload, diff');
    terminal.press(keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'joinSession' });
    terminal.press('n');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'startSession', runId });
    terminal.press('x');
    expect(terminal.screen()).toContain('you are in no session; X ends the one under the cursor');
    terminal.press('X', keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'write', write: { kind: 'endSession' } });
  });
});

describe('information on a run', () => {
  it('tells model, cost, environment, commit and notes, and unfolds its inputs', () => {
    const terminal = situations['screen: information']!({ size: { columns: 80, rows: 60 } });
    for (const words of ['TEST MODE', 'EDITED', '3 credits a generation', 'staging', '4f2a9c1', 'lighthouse night', 'the one with the storm', 'prompt: "a lighthouse"']) expect(terminal.screen()).toContain(words);
    terminal.press(keys.enter);
    expect(terminal.screen()).toContain('There is nothing to unfold here.');
    terminal.press(keys.esc, '0');
    expect(title(terminal)).toBe('information on run 00abc1');
  });

  it('counts the time of a run that works, as its beginning is counted', () => {
    const run = runRow({ status: 'running', started_at: at(0) });
    const terminal = openTerminal({}, ...opened(run, stepRow('load_model')));
    terminal.press('0');
    answerAll(terminal, () => ({ run, model: undefined, charges: undefined, comments: [], steps: { all: 1, edited: 0, reused: 0, failed: 0 }, rows: [stepRow('load_model')], end: undefined }));
    const time = (): string | undefined => /time +(\S.*\S)/.exec(terminal.screen())?.[1];
    terminal.later(19_000);
    const before = time();
    terminal.later(30_000);
    expect([before, time()]).toEqual(['19.0 s', '49.0 s']);
  });
});

describe('panes of a wide screen', () => {
  it('are resized as far as they go, and stay so in the next run', () => {
    const terminal = openTerminal({ size: { columns: 160, rows: 50 } }, ...opened(runRow(), stepRow('load_model')));
    const border = (): number => terminal.screen().split('\n')[3]!.indexOf('│');
    terminal.press('1');
    const first = border();
    terminal.press('>', '>');
    expect(border()).toBeGreaterThan(first);
    terminal.press('3', '>');
    expect(border()).toBeLessThan(first + 12);
    terminal.press(...Array.from({ length: 30 }, () => '<'));
    expect(terminal.screen()).toContain('The pane is as small as it gets.');
    const narrow = openTerminal({}, ...heldRun());
    narrow.press('>');
    expect(narrow.screen()).toContain('this screen shows one pane at a time');
  });
});
