import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blankLog } from '../../core/import/blank-rows.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { spooledLines } from './spooled-lines.ts';

const home = mkdtempSync(join(tmpdir(), 'stepscope-spool-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const now = '2026-03-01T12:00:00.000Z';
const row = (seq: number, message = `line ${seq} ${'ä'.repeat(seq % 50)}`, more: Partial<LogRow> = {}): LogRow =>
  blankLog({ runId: 'r', idOf: (what) => what, now, name: '' }, { seq, message, step_key: seq % 3 === 0 ? null : `step.${seq % 3}`, log_level: seq % 7 === 0 ? 'error' : 'info', ...more });
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => row(from + at));
/** Everything that is kept of it in memory goes to the disk at once. */
const onDisk = (mostLines = 100_000) => spooledLines({ directory: home, memoryBytes: 0, mostLines });

describe('lines on a disk', () => {
  it('are the same rows again, in any order they are asked for', () => {
    const lines = onDisk();
    for (let from = 1; from < 20_000; from += 500) lines.append(rows(from, from + 500));
    expect(lines.length).toBe(20_000);
    for (const index of [0, 19_999, 7, 12_345, 8, 0]) expect(lines.at(index)).toEqual(row(index + 1));
    expect([lines.seqAt(41), lines.levelAt(41), lines.stepAt(41), lines.stepAt(42), lines.contextAt(41), lines.timeAt(41)]).toEqual([42, 3, null, 'step.1', 'server', Date.parse(now)]);
    lines.close();
  });

  it('leave nothing behind that has a name', () => {
    const lines = onDisk();
    lines.append(rows(1, 20_000));
    expect(readdirSync(home)).toEqual([]);
    lines.close();
  });

  it('take each row once, and one that is late in its place', () => {
    const lines = onDisk();
    lines.append([...rows(1, 100), ...rows(200, 30_000)]);
    lines.append([row(150), row(40), row(29_999), row(40_000)]);
    expect(lines.length).toBe(99 + 29_800 + 2);
    expect([lines.edition, lines.intactBelow(0)]).toEqual([1, 99]);
    expect([98, 99, 100, lines.length - 2, lines.length - 1].map((index) => lines.at(index).seq)).toEqual([99, 150, 200, 29_999, 40_000]);
    lines.close();
  });

  it('let go of the oldest beyond the limit, and shift no index', () => {
    const lines = onDisk(10_000);
    for (let from = 1; from <= 100_000; from += 1_000) lines.append(rows(from, from + 1_000));
    expect(lines.length).toBe(100_000);
    expect(lines.length - lines.first).toBeLessThanOrEqual(10_000);
    expect(lines.length - lines.first).toBeGreaterThan(9_800);
    expect(lines.at(lines.first)).toEqual(row(lines.first + 1));
    expect(lines.append(rows(1, 50))).toBe(0);
    lines.close();
  });

  it('stay in memory where nothing can be written, fewer of them, and say so', () => {
    const lines = spooledLines({ directory: join(home, 'is-not-there'), memoryBytes: 0 });
    const long = 'x'.repeat(10_000);
    for (let seq = 1; seq <= 8_000; seq += 1) lines.append([row(seq, long)]);
    expect(lines.problem).toContain('nothing can be written to');
    expect(lines.first).toBeGreaterThan(0);
    expect(lines.at(lines.first).seq).toBe(lines.first + 1);
    expect(lines.at(lines.length - 1).message).toBe(long);
  });

  it('put a line that says so in the place of what is not there any more', () => {
    const lines = onDisk();
    lines.append(rows(1, 10));
    lines.close();
    expect(lines.at(3)).toMatchObject({ seq: 4, log_level: 'error', message: 'This line cannot be read: it is not there any more' });
  });

  it('know without parsing which lines cannot have some words', () => {
    const lines = onDisk();
    lines.append([...rows(1, 5_000), row(5_000, 'the Needle is here'), ...rows(5_001, 9_000), row(9_000, 'said "no, needle"', { data: { token: 'NEEDLE' } })]);
    const found = (words: string, test = lines.mayHold(words)) => Array.from({ length: lines.length }, (_, index) => index).filter((index) => test.at(index));
    expect(found('needle')).toEqual([4_999, 8_999]);
    // What JSON writes in other ways is not looked for in its text.
    expect(found('"no, needle"')).toEqual([4_999, 8_999]);
    expect(found('ä')).toHaveLength(lines.length);
    const mayHold = lines.mayHold('needle');
    expect([8_999, 3, 4_999, 5_000, 4_999].map((index) => mayHold.at(index))).toEqual([true, false, true, false, true]);
    lines.close();
  });

  it('know of most lines without parsing whether message or data have some words, and of the others that they do not know', () => {
    const lines = onDisk();
    lines.append([
      row(1, 'the Needle is here'), row(2, 'nothing', { file_path: 'needle.ts' }), row(3, 'said "needle"'), row(4, 'nothing', { data: { needle: 1 } }), row(5, 'nothing'),
      row(6, 'only', { file_path: 'needle.ts', data: { token: 'x' } }), row(7, 'needle', { data: { message: 'x' } }), row(8, 'x', { data: { message: 'needle' } }),
    ]);
    const answers = (words: string, test = lines.says(words)) => Array.from({ length: lines.length }, (_, index) => test.at(index));
    expect(answers('needle')).toEqual([true, false, undefined, undefined, false, false, true, undefined]);
    // Of what JSON writes in another way a part is looked for, whose absence alone is sure.
    expect(answers('needle"')).toEqual([undefined, false, undefined, undefined, false, false, undefined, undefined]);
    expect(answers('é')).toEqual(answers('é').map(() => undefined));
    lines.close();
    expect(answers('needle')).toEqual(answers('needle').map(() => undefined));
  });
});
