import { describe, expect, it } from 'vitest';
import type { LogBookmarkRow } from '../protocol/debug-rows.ts';
import type { LogRow } from '../protocol/rows.ts';
import { rowAt } from './model/log.ts';
import { at, changed, keys, logRow, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from './testing.tsx';

const size = { columns: 80, rows: 24 } as const;

function withLog(rows: readonly LogRow[], options: Parameters<typeof openTerminal>[0] = {}) {
  return openTerminal({ size, ...options }, ...opened(runRow({ log_counts: { error: 9 } }), stepRow('load_model', { status: 'running' }), ...rows));
}

/** A hundred lines with numbers from 100 on; every twentieth an error. */
const hundred = Array.from({ length: 100 }, (_, index) => logRow(100 + index, `line ${index}${index % 10 === 7 ? ' needle' : ''}`, { log_level: index % 20 === 5 ? 'error' : 'info' }));

const mark = (seq: number, note = ''): LogBookmarkRow => ({
  id: `mark-${seq}`, test_run_id: runId, log_id: `line-${seq}`, seq, note, author: null, author_name: 'ada@example.test', created_at: at(0), updated_at: at(0),
});
const bookmarked = (...bookmarks: readonly LogBookmarkRow[]) => ({ type: 'bookmarked', runId, bookmarks }) as const;

const rowsOf = (terminal: TestTerminal) => terminal.screen().split('\n');
const cursorRow = (terminal: TestTerminal) => rowsOf(terminal).find((row, index) => index > 2 && row.startsWith('›')) ?? '';
const here = (terminal: TestTerminal) => rowAt(terminal.state().open!, terminal.state().open!.log.cursor)?.message;

describe('marked lines', () => {
  it('are made with a note, or without, and changed', () => {
    const terminal = withLog(hundred);
    terminal.press('g', 'j', 'm');
    expect(terminal.screen()).toContain('★ note:');
    terminal.press('here it begins', keys.enter);
    expect(terminal.effects.at(-1)).toEqual({ type: 'write', write: { kind: 'markLine', runId, seq: 101, note: 'here it begins' } });
    terminal.send(bookmarked(mark(101, 'here it begins')));
    expect(cursorRow(terminal)).toMatch(/^›00:00\.101 info {2}1 {2}★line 1 ★ here it begins/);
    terminal.press('m', '!', keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ write: { note: 'here it begins!' } });
    terminal.press('k', 'm', keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ write: { seq: 100, note: '' } });
  });

  it('are not made when the prompt is left, and a note that is too long is refused', () => {
    const terminal = withLog(hundred);
    terminal.press('m', 'x', keys.esc);
    expect(terminal.effects.filter((one) => one.type === 'write')).toEqual([]);
    terminal.press('m', 'ä'.repeat(1_001));
    expect(terminal.screen()).toContain('A note has at most 2000 bytes; this one has 2002.');
    terminal.press(keys.enter);
    expect(terminal.effects.filter((one) => one.type === 'write')).toEqual([]);
  });

  it('lose their mark by M', () => {
    const terminal = withLog(hundred);
    terminal.press('g', 'M');
    expect(terminal.screen()).toContain('This line is not marked');
    terminal.send(bookmarked(mark(100)));
    terminal.press('M');
    expect(terminal.effects.at(-1)).toEqual({ type: 'write', write: { kind: 'unmarkLine', runId, seq: 100 } });
  });

  it('are gone through with u and U, around the ends, and say which they are', () => {
    const terminal = withLog(hundred);
    terminal.press('u');
    expect(terminal.screen()).toContain('No line is marked; m marks one.');
    terminal.send(bookmarked(mark(110, 'one'), mark(150), mark(190, 'three')));
    terminal.press('g', 'u');
    expect(here(terminal)).toBe('line 10');
    expect(terminal.screen()).toContain('Mark 1/3. one');
    terminal.press('uuu');
    expect(here(terminal)).toBe('line 10');
    expect(terminal.screen()).toContain('Mark 1/3, from the top again. one');
    terminal.press('U');
    expect(here(terminal)).toBe('line 90');
    terminal.press('f', 'needle', keys.enter, 'u');
    expect(terminal.screen()).toContain('No marked line passes the filters; F switches them off.');
  });

  it('lie once over the log, however often one goes there', () => {
    const terminal = withLog(hundred);
    terminal.send(bookmarked(mark(110, 'the only one')));
    for (let times = 0; times < 3; times += 1) {
      terminal.press("'");
      expect(terminal.screen()).toContain('›00:00.110');
      terminal.press(keys.enter);
    }
    terminal.press(keys.esc);
    expect(terminal.state().open).toBeUndefined();
  });

  it('are listed with their notes, and Enter goes there', () => {
    const terminal = withLog(hundred);
    terminal.press("'");
    expect(terminal.screen()).toContain('m in the log marks the line');
    terminal.send(bookmarked(mark(110, 'here it begins'), mark(150), mark(999, 'from before')));
    expect(terminal.screen()).toContain('00:00.110 1   ★ here it begins');
    expect(terminal.screen()).toContain('★ from before');
    terminal.press('j', keys.enter);
    expect(terminal.state().screens).toEqual([]);
    expect(here(terminal)).toBe('line 50');
    terminal.press('f', 'needle', keys.enter, "'", keys.enter);
    expect(terminal.screen()).toContain('The filters hide that line, and this is the next one; F switches them off.');
    expect(here(terminal)).toBe('line 17 needle');
  });

  it('cannot be changed in a recording', () => {
    const terminal = withLog(hundred, { recording: 'a.trace' });
    terminal.send(bookmarked(mark(199, 'from there')));
    expect(terminal.screen()).toContain('★ from there');
    terminal.press('m');
    expect(terminal.screen()).toContain('this is a recording in a file, and stays as it is');
  });

  it('keep their notes in sight where the line is longer than the screen', () => {
    for (const columns of [40, 80, 160, 250]) {
      const terminal = withLog([logRow(100, 'x'.repeat(20_000))], { size: { columns, rows: 20 } });
      terminal.send(bookmarked(mark(100, 'why so long?')));
      expect(terminal.screen()).toMatch(columns === 40 ? /x… ★ why/ : /x… ★ why so long\?\n/);
    }
  });
});

describe('the data of a line', () => {
  const data = { status: 503, answer: { body: { error: 'busy' }, tries: [1, 2] }, ok: false };
  const lines = [logRow(10, 'before'), logRow(11, 'answered', { data, function_name: 'callProvider', log_level: 'warn' }), logRow(12, 'after')];

  it('stand behind it, and unfold under it as a tree on Enter', () => {
    const terminal = withLog(lines);
    expect(terminal.screen()).toContain('answered  {"status":503,');
    terminal.press('g', 'j', keys.enter);
    expect(rowsOf(terminal).slice(4, 16).join('\n')).toMatchInlineSnapshot(`
      " 00:00.010 info  1   before
      ›00:00.011 WARN  1   answered ▾
          ▾ data:
              status: 503
            ▸ answer: {body, tries}
              ok: false
            line: 11
            time: "2026-03-01T12:00:00.011Z"
            step: "load_model"
            context: "client"
            function: "callProvider"
       00:00.012 info  1   after"
    `);
    terminal.press(keys.enter);
    expect(terminal.screen()).toContain('answered  {"status":503,');
  });

  it('are walked through with j and k, and folded with h and l', () => {
    const terminal = withLog(lines);
    terminal.press('g', 'j', keys.enter, 'jjj');
    expect(cursorRow(terminal)).toContain('answer: {body, tries}');
    terminal.press('l');
    expect(terminal.screen()).toContain('▸ body: {error}');
    terminal.press('j', keys.enter);
    expect(terminal.screen()).toContain('error: "busy"');
    terminal.press('h');
    expect(terminal.screen()).not.toContain('busy');
    // What is folded already goes to what holds it, and from the top to the line.
    terminal.press('h');
    expect(cursorRow(terminal)).toContain('answer:');
    terminal.press('H', 'H');
    expect(cursorRow(terminal)).toContain('answered');
    terminal.press('jjjjjjjjjjjj');
    expect(here(terminal)).toBe('after');
    terminal.press('k');
    expect(cursorRow(terminal)).toContain('function: "callProvider"');
    terminal.press('l');
    expect(terminal.screen()).toContain('There is nothing to unfold.');
  });

  it('give their value and their path to the copy menu', () => {
    const terminal = withLog(lines);
    terminal.press('g', 'j', keys.enter, 'jjj', 'yj');
    expect(terminal.effects.at(-1)).toEqual({ type: 'copy', text: JSON.stringify(data.answer, null, 2), what: 'JSON' });
    terminal.press('yp');
    expect(terminal.effects.at(-1)).toMatchObject({ text: '/data/answer' });
    terminal.press('jj', 'yl');
    expect(terminal.effects.at(-1)).toMatchObject({ text: 'line: 11' });
  });

  it('stay unfolded for each line by itself, while others come in', () => {
    const terminal = withLog(lines);
    terminal.press('g', 'j', keys.enter, 'jj');
    const before = rowsOf(terminal).slice(4, 16);
    terminal.send(changed(logRow(13, 'more'), logRow(5, 'late')));
    expect(rowsOf(terminal).slice(4, 15)).toEqual(before.slice(0, 11));
    expect(cursorRow(terminal)).toContain('status: 503');
  });

  it('keep the cursor in sight where they are longer than the screen', () => {
    const terminal = withLog([logRow(10, 'long', { data: Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`key${index}`, index])) })]);
    terminal.press(keys.enter, 'jl', 'j'.repeat(51));
    expect(cursorRow(terminal)).toContain('key50: 50');
    terminal.press('k'.repeat(52));
    expect(cursorRow(terminal)).toContain('long');
  });

  it('are cut where one value would fill the screen', () => {
    const terminal = withLog([logRow(10, 'x'.repeat(20_000), { data: 'y'.repeat(20_000) })]);
    terminal.press(keys.enter);
    expect(rowsOf(terminal)).toHaveLength(24);
    terminal.press('j');
    expect(cursorRow(terminal)).toContain('message: "xxx');
    terminal.press('j');
    expect(cursorRow(terminal)).toContain('data: "yyy');
  });
});

describe('lines that share an id', () => {
  const id = (value: string) => ({ metadata: { request_id: value } });
  const lines = Array.from({ length: 40 }, (_, index) => logRow(10 + index, `line ${index}`, index % 4 === 0 ? id('r1') : index % 4 === 1 ? { data: { requestId: 'r2', job_id: 'j' } } : {}));

  it('are shown alone, with the id in the title, and all come back where one was', () => {
    const terminal = withLog(lines);
    terminal.press('g', 'jjjj', 'o');
    expect(terminal.screen()).toContain('10 lines of 40  request_id=r1');
    expect(here(terminal)).toBe('line 4');
    terminal.press('j', 'o');
    expect(here(terminal)).toBe('line 8');
    expect(terminal.screen()).toContain('40 lines');
  });

  it('are told what else the line carries, or that it carries nothing', () => {
    const terminal = withLog(lines);
    terminal.press('g', 'j', 'o');
    expect(terminal.screen()).toContain('Only lines with requestId r2; o shows all. It has job_id too.');
    terminal.press('o', 'j', 'o');
    expect(terminal.screen()).toContain('This line carries no id');
  });
});

describe('a jump', () => {
  const lines = [
    ...Array.from({ length: 60 }, (_, index) => logRow(100 + index, `line ${index}`, { timestamp: at(index * 1_000) })),
    logRow(200, 'upload', { step_key: 'storage_upload', timestamp: at(61_000) }),
  ];
  const clock = (ms: number) => new Date(Date.parse(at(ms))).toTimeString().slice(0, 8);

  it('leads to a clock time, a time after the start, a line or a step, and says so before', () => {
    const terminal = withLog(lines);
    terminal.press('J', '+12s');
    expect(terminal.screen()).toContain(`${clock(12_000)}.000`);
    expect(terminal.screen()).toContain('line 12');
    terminal.press(keys.enter);
    expect(here(terminal)).toBe('line 12');
    terminal.press('J', clock(30_000), keys.enter);
    expect(here(terminal)).toBe('line 30');
    terminal.press('J', `${clock(30_000)}.4`, keys.enter);
    expect(here(terminal)).toBe('line 31');
    terminal.press('J', '#105', keys.enter);
    expect(here(terminal)).toBe('line 5');
    terminal.press('J', '5', keys.enter);
    expect(here(terminal)).toBe('upload');
    expect(terminal.state().open!.log.follows).toBe(false);
  });

  it('says what is wrong with where it should lead, and stays', () => {
    const terminal = withLog(lines);
    terminal.press('g');
    for (const [typed, said] of [
      ['storage_uplod', 'Did you mean `storage_upload`'],
      ['77', '#77 is the line with that number'],
      ['99:99', '"99:99" is no time. Write 14:03'],
      ['#4711', 'No line comes at or after line 4711'],
      ['6', 'has no line that is shown'],
      ['+2h', 'No line comes at or after'],
    ] as const) {
      terminal.press('J', typed);
      expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain(said);
      terminal.press(keys.enter, keys.esc);
      expect(here(terminal)).toBe('line 0');
    }
  });
});

describe('the scrollbar', () => {
  const cells = (terminal: TestTerminal, columns: number) => rowsOf(terminal).slice(4, 23).map((row) => row.padEnd(columns)[columns - 1]).join('');

  it('is there when the log stands still and has more than a page, with errors, matches and marks', () => {
    const terminal = withLog(hundred);
    expect(cells(terminal, 80).trim()).toBe('');
    terminal.press('g');
    expect(cells(terminal, 80)).toMatchInlineSnapshot(`"█✘██✘   ✘   ✘   ✘  "`);
    terminal.send(bookmarked(mark(152)));
    terminal.press('/', 'needle\r');
    expect(cells(terminal, 80)).toMatchInlineSnapshot(`"█─█─✘─ ─✘─★── ─ ─ ─"`);
    terminal.press('G');
    expect(cells(terminal, 80).trim()).toBe('');
  });

  it('has an ASCII form, and is not there for a page', () => {
    const terminal = withLog(hundred, { ascii: true });
    terminal.press('g');
    expect(cells(terminal, 80)).toMatchInlineSnapshot(`"#x##x   x   x   x  "`);
    const short = withLog(hundred.slice(0, 19));
    short.press('g');
    expect(cells(short, 80).trim()).toBe('');
  });

  it('does not move while lines come in', () => {
    const terminal = withLog(hundred);
    terminal.press(' ');
    const before = rowsOf(terminal).slice(4, 23);
    terminal.send(changed(...Array.from({ length: 300 }, (_, index) => logRow(300 + index, `fresh ${index}`, { log_level: 'error' }))));
    expect(rowsOf(terminal).slice(4, 23)).toEqual(before);
    expect(terminal.screen()).toContain('+300 new');
  });
});

describe('a reader', () => {
  it('stays on the line when filters change, and comes back to it', () => {
    const terminal = withLog(hundred);
    terminal.press('g', 'j'.repeat(40));
    const before = rowsOf(terminal).slice(4, 22);
    terminal.press('f', 'needle');
    expect(here(terminal)).toBe('line 47 needle');
    terminal.press(keys.esc);
    expect(here(terminal)).toBe('line 40');
    expect(rowsOf(terminal).slice(4, 22)).toEqual(before);
    terminal.press('L', 'L', 'L');
    expect(here(terminal)).toBe('line 45');
    terminal.press('f', 'nothing has this', keys.enter, 'F');
    expect(here(terminal)).toBe('line 45');
  });

  it('is not moved by rows that land above late, and they are not counted as new', () => {
    const terminal = withLog(hundred);
    terminal.press('g', 'j'.repeat(40));
    // The scrollbar tells that there is more above now.
    const shown = () => rowsOf(terminal).slice(4, 23).map((row) => row.slice(0, 79).trimEnd());
    const before = shown();
    terminal.send(changed(...Array.from({ length: 7 }, (_, index) => logRow(50 + index, `late ${index}`))));
    expect(shown()).toEqual(before);
    expect(terminal.screen()).not.toContain('new');
    terminal.send(changed(logRow(300, 'fresh')));
    expect(terminal.screen()).toContain('+1 new');
  });

  it('hears only of new lines that pass the filters', () => {
    const terminal = withLog(hundred);
    terminal.press('f', 'needle', keys.enter, ' ');
    terminal.send(changed(logRow(300, 'fresh'), logRow(301, 'fresh needle')));
    expect(terminal.screen()).toContain('+1 new');
    terminal.press('F');
    expect(terminal.screen()).toContain('+2 new');
  });

  it('sees on forty columns too what came, and which match this is', () => {
    const terminal = withLog(hundred, { size: { columns: 40, rows: 16 } });
    terminal.press('/', 'needle', keys.enter);
    expect(rowsOf(terminal)[3]).toContain('frozen ▼  /1');
    terminal.send(changed(logRow(300, 'fresh')));
    expect(rowsOf(terminal)[3]).toContain('▼ +1 new  /1/10');
  });

  it('goes from error to error with their number, and hears when it begins anew', () => {
    const terminal = withLog(hundred);
    terminal.press('g', 'e');
    expect(terminal.screen()).toContain('Error 1/5.');
    terminal.press('E');
    expect(terminal.screen()).toContain('Error 5/5, from the end again.');
    terminal.press('e');
    expect(terminal.screen()).toContain('Error 1/5, from the top again.');
    terminal.press('/', 'needle\r', 'N');
    expect(terminal.screen()).toContain('10/10');
    expect(terminal.screen()).toContain('Match 10/10, from the end again.');
  });
});

describe('every width', () => {
  const texts = ['短いメッセージ', 'x'.repeat(20_000), '界'.repeat(10_000), 'tab\there\r\nand a second line', '\u001b[31mred\u001b[0m \u001b]52;c;aGk=\u0007 \u0085', '👩‍👩‍👧‍👦 ⚠️ ไทย', ''];
  it.each([40, 80, 160, 250])('%i columns hold every line, wrapped or sideways, folded or not', (columns) => {
    const lines = texts.map((message, index) => logRow(10 + index, message, { data: index % 2 ? { text: message, at: index } : null }));
    const terminal = withLog(lines, { size: { columns, rows: 24 } });
    terminal.send(bookmarked(mark(11, '界'.repeat(60)), mark(13, 'plain')));
    for (const key of ['', 'k', 'l', 'l', 'H', 'w', '\r', 'j', 'j', 'T', 'T', 'w', 'g', '\r', 'j', '/', keys.esc]) {
      terminal.press(key);
      const rows = rowsOf(terminal);
      expect(rows).toHaveLength(24);
      for (const row of rows) expect(row).not.toMatch(/\p{Cc}/u);
    }
  });
});

describe('a log that is still read from a backend', () => {
  it('says how much of it has come, by the counts that its run keeps', () => {
    const terminal = openTerminal({ size }, ...opened(runRow({ log_counts: { info: 380, error: 20 } }), stepRow('load_model'), ...hundred));
    terminal.send({ type: 'runLink', runId, link: { state: 'catching-up' } });
    terminal.press('2');
    expect(terminal.screen()).toContain('reading 25 %');
    terminal.send({ type: 'runLink', runId, link: { state: 'live' } });
    expect(terminal.screen()).not.toContain('reading');
  });
});
