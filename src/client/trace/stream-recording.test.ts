import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { LogLines, Reading } from '../../core/log-lines.ts';
import type { RunChange } from '../../protocol/change.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { openTraceFile } from '../trace-file.ts';
import { streamRecording, type StreamedRecording } from './stream-recording.ts';
import { sampleRun, traceOf } from './testing.ts';

const home = mkdtempSync(join(tmpdir(), 'stepscope-stream-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const now = '2026-11-21T10:00:00.000Z';

let made = 0;
function fileOf(content: string | Uint8Array): string {
  const path = join(home, `recording-${(made += 1)}`);
  writeFileSync(path, content);
  return path;
}

/** All that is told of a file until it is read. */
async function whole(path: string): Promise<{ readonly stream: StreamedRecording; readonly changes: readonly RunChange[]; readonly reading: Reading }> {
  const stream = (await streamRecording(path, now))!;
  const told: RunChange[] = [];
  const { promise, resolve } = Promise.withResolvers<Reading>();
  stream.follow((changes, reading) => {
    told.push(...changes);
    if (reading.isWhole) resolve(reading);
  });
  const reading = await promise;
  return { stream, changes: told, reading };
}
const rowsOf = (lines: LogLines): readonly LogRow[] => Array.from({ length: lines.length }, (_, index) => lines.at(index));

/** The sample with many lines of log. */
async function longTrace(count: number): Promise<string> {
  const rows = sampleRun();
  const last = rows.findLastIndex(({ table }) => table === 'test_execution_logs');
  const more = Array.from({ length: count }, (_, index) => ({ table: 'test_execution_logs', row: { ...rows[last]!.row, id: `more-${index}`, seq: 100 + index, message: `more ${index} "ä"`, log_level: index % 2 ? 'warn' : 'debug', step_key: index % 5 ? 'plan' : null } }));
  return await traceOf([...rows.slice(0, last + 1), ...more, ...rows.slice(last + 1)]);
}

describe('a recording that is shown while it is read', () => {
  it('tells of a trace what a reader of the whole tells', async () => {
    const path = fileOf(await longTrace(17_000));
    const { stream, changes, reading } = await whole(path);
    const strict = await openTraceFile(path);
    expect(reading).toEqual({ part: 1, isWhole: true, problem: undefined });
    const expected: LogRow[] = [];
    for await (const row of strict.logs()) expected.push(row);
    expect(rowsOf(stream.lines)).toEqual(expected);
    const { lines } = stream;
    expect([lines.length, lines.seqAt(2), lines.levelAt(3), lines.stepAt(3), lines.stepAt(4), lines.contextAt(0), lines.timeAt(0)]).toEqual([17_003, 9, 0, null, 'plan', 'server', Date.parse(expected[0]!.timestamp)]);
    const [mayHold, says] = [lines.mayHold('more 16999'), lines.says('more 16998')];
    expect(expected.flatMap((_, index) => (mayHold.at(index) ? [index] : []))).toEqual([17_002]);
    expect(expected.flatMap((_, index) => (says.at(index) === false ? [] : [index]))).toEqual([17_001]);
    expect(changes.map(({ table }) => table)).toEqual(['test_execution_runs', ...Array<string>(3).fill('test_execution_steps'), 'test_execution_commands']);
    expect(await stream.reader.snapshot('generate')).toEqual(await strict.snapshot('generate'));
    expect(await stream.reader.commands()).toEqual(await strict.commands());
    expect(await stream.reader.comments()).toEqual(await strict.comments());
    expect(stream.reader.run).toEqual(strict.run);
    await strict.close();
    await stream.reader.close();
  });

  it('says what is wrong further on, with the line, and keeps what came before', async () => {
    const text = await traceOf(sampleRun());
    const lines = text.split('\n');
    const problemOf = async (content: string) => {
      const { stream, reading } = await whole(fileOf(content));
      const known = rowsOf(stream.lines).length;
      await stream.reader.close();
      return [reading.problem, known];
    };
    const at = lines.findIndex((one) => one.includes('asked the provider'));
    expect(await problemOf(text.slice(0, text.indexOf('asked the provider')))).toEqual([`the file is cut at line ${at + 1}`, 1]);
    expect(await problemOf(`${lines.slice(0, at + 1).join('\n')}\n`)).toEqual([expect.stringContaining(`the trace is cut off after line ${at + 1}`), 2]);
    expect(await problemOf(text.replace('"log_level":"info","message":"asked', '"log_level":"loud","message":"asked'))).toEqual([expect.stringContaining(`line ${at + 1} is no row of test_execution_logs: log_level`), 1]);
    expect(await problemOf(text.replace('planned', 'plotted'))).toEqual([expect.stringContaining('the file was changed or damaged'), 3]);
    const [a, b] = [lines[at - 1]!, lines[at]!];
    expect(await problemOf(text.replace(`${a}\n${b}`, `${b}\n${a}`))).toEqual([`line ${at + 1} stands out of order`, 1]);
  });

  it('reads rows that are laid out in another way', async () => {
    const { stream } = await whole(fileOf((await traceOf(sampleRun())).replaceAll('{"table":"test_execution_logs","row":', '{ "table": "test_execution_logs", "row": ')));
    expect(rowsOf(stream.lines).map((row) => row.message)).toEqual(['planned', 'asked the provider', 'bucket is full']);
    await stream.reader.close();
  });

  it('unpacks what is packed, and leaves nothing behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('stepscope-log-'));
    const { stream, reading } = await whole(fileOf(gzipSync(await longTrace(3_000))));
    expect([reading.problem, stream.lines.length, stream.lines.at(3_002).message]).toEqual([undefined, 3_003, 'more 2999 "ä"']);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('stepscope-log-'))).toEqual(before);
    await stream.reader.close();
    const cut = gzipSync(await longTrace(3_000));
    const second = await whole(fileOf(cut.subarray(0, cut.length - 4_000)));
    expect(second.reading.problem).toContain('it cannot be unpacked further');
    expect(second.stream.lines.at(0).message).toBe('planned');
    await second.stream.reader.close();
  });

  it('shows a log with one object a line, and lines that are none as they are', async () => {
    const path = fileOf(['{"time":"2026-03-01T12:00:00Z","level":"warn","msg":"slow","ms":12}', '', 'panic: no JSON\r', '{"ts":1772366405,"lvl":50,"message":"down"}', '{"msg":"no time, no level"}'].join('\n'));
    const { stream, changes, reading } = await whole(path);
    expect(rowsOf(stream.lines).map((row) => [row.seq, row.log_level, row.message, row.timestamp])).toEqual([
      [2, 'warn', 'slow', '2026-03-01T12:00:00.000Z'],
      [3, 'info', 'panic: no JSON', '2026-03-01T12:00:00.000Z'],
      [4, 'error', 'down', '2026-03-01T12:00:05.000Z'],
      [5, 'info', 'no time, no level', '2026-03-01T12:00:05.000Z'],
    ]);
    expect(Array.from({ length: 4 }, (_, index) => stream.lines.levelAt(index))).toEqual([2, 1, 3, 1]);
    const says = ['slow', 'time', 'down', 'panic', 'absent'].map((words) => stream.lines.says(words));
    expect(says.map((test) => [0, 1, 2, 3].map((index) => test.at(index)))).toEqual([
      [true, false, false, false], [undefined, false, false, true], [false, false, true, false], [false, undefined, false, false], [false, false, false, false],
    ]);
    expect(reading.problem).toBe('1 of its lines is no JSON, and is shown as it is');
    expect(changes.at(-1)?.row).toMatchObject({ pipeline_key: 'log', log_counts: { info: 2, warn: 1, error: 1 }, total_duration_ms: 5_000 });
    await stream.reader.close();
  });

  it('refuses before anything is shown what has no beginning, and leaves other files to others', async () => {
    const text = await traceOf(sampleRun());
    await expect(streamRecording(join(home, 'nowhere'), now)).rejects.toMatchObject({ code: 'not-found' });
    await expect(streamRecording(fileOf(text.replace('"version":2', '"version":99')), now)).rejects.toMatchObject({ message: expect.stringContaining('version 99') });
    await expect(streamRecording(fileOf(text.split('\n').toSpliced(1, 1).join('\n')), now)).rejects.toMatchObject({ message: expect.stringContaining('line 2 is a row of test_execution_steps') });
    expect(await streamRecording(fileOf('{"stepscope":"trace","version":1,"run":{}}'), now)).toBeUndefined();
    expect(await streamRecording(fileOf('{"resourceSpans":[]}'), now)).toBeUndefined();
    expect(await streamRecording(fileOf('plain text\n'), now)).toBeUndefined();
  });
});
