import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { Trace, documentLists } from '../protocol/trace.ts';
import type { TraceRow } from '../protocol/trace.ts';
import { openTraceFile } from './trace-file.ts';
import { sampleRun, traceOf } from './trace/testing.ts';

const home = mkdtempSync(join(tmpdir(), 'stepscope-trace-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let files = 0;
function fileOf(content: string | Uint8Array): string {
  const path = join(home, `trace-${files++}`);
  writeFileSync(path, content);
  return path;
}

async function problemOf(content: string | Uint8Array): Promise<string> {
  try {
    await (await openTraceFile(fileOf(content))).close();
    return 'none';
  } catch (error) {
    expect(error).toMatchObject({ name: 'UserError' });
    return (error as Error).message;
  }
}

/** The lines with a last line that fits them. */
function sealed(lines: readonly string[]): string {
  const body = lines.map((line) => `${line}\n`).join('');
  return `${body}${JSON.stringify({ end: true, rows: lines.length - 1, sha256: createHash('sha256').update(body).digest('hex') })}\n`;
}

const linesOf = (text: string): readonly string[] => text.trimEnd().split('\n').slice(0, -1);

function documentOf(rows: readonly TraceRow[]): Trace {
  const lists = Object.fromEntries(
    Object.entries(documentLists).map(([table, name]) => [name, rows.filter((one) => one.table === table).map(({ row }) => row)]),
  );
  return Trace.parse({ stepscope: 'trace', version: 1, exportedAt: '2026-01-01T00:00:00Z', run: rows[0]!.row, ...lists });
}

async function readAll(path: string): Promise<JsonObject> {
  const reader = await openTraceFile(path);
  try {
    const all = async (rows: AsyncIterable<object>) => {
      const found: object[] = [];
      for await (const row of rows) found.push(row);
      return found;
    };
    return {
      run: reader.run,
      steps: await reader.steps(),
      logs: await all(reader.logs()),
      later: await all(reader.logs({ afterSeq: 3 })),
      plan: (await reader.snapshot('plan')) ?? null,
      upload: (await reader.snapshot('upload', 1)) ?? null,
      none: (await reader.snapshot('upload', 2)) ?? null,
      blob: (await reader.blob('b10b')) ?? null,
      commands: await reader.commands(),
      exchanges: await all(reader.exchanges()),
      approvals: await reader.approvals(),
      comments: await reader.comments(),
      logBookmarks: await reader.logBookmarks(),
    } as unknown as JsonObject;
  } finally {
    await reader.close();
  }
}

describe('a trace file', () => {
  it('is read alike in every version and packed', async () => {
    const rows = sampleRun();
    const text = await traceOf(rows);
    const read = await readAll(fileOf(text));
    expect(read['steps']).toHaveLength(3);
    expect((read['logs'] as JsonObject[]).map((row) => row['seq'])).toEqual([3, 6, 9]);
    expect((read['later'] as JsonObject[]).map((row) => row['seq'])).toEqual([6, 9]);
    expect(read['plan']).toMatchObject({ stateAfter: { prompt: 'a red lighthouse', image: { pixels: 'x'.repeat(2000) } }, outputs: { plan: 'x' } });
    expect(read['upload']).toMatchObject({ stateAfter: null });
    expect(read['none']).toBeNull();
    expect(read['exchanges']).toHaveLength(2);
    expect(read['approvals']).toHaveLength(1);
    expect(read['comments']).toHaveLength(1);
    expect(read['logBookmarks']).toMatchObject([{ seq: 9, note: 'full since the migration' }]);

    const document = documentOf(rows);
    expect(await readAll(fileOf(gzipSync(text)))).toEqual(read);
    expect(await readAll(fileOf(JSON.stringify(document)))).toEqual(read);
    expect(await readAll(fileOf(`${JSON.stringify(document)}\n`))).toEqual(read);
    expect(await readAll(fileOf(JSON.stringify(document, null, 2)))).toEqual(read);
  });

  it('finds its place in a long log', async () => {
    const [run, ...rest] = sampleRun();
    const template = rest.find(({ table }) => table === 'test_execution_logs')!;
    const logs = Array.from({ length: 5_000 }, (_, i) => ({ ...template, row: { ...template.row, id: `log-${i}`, seq: 10 + i } }));
    const reader = await openTraceFile(fileOf(await traceOf([run!, ...logs])));
    const seqs: number[] = [];
    for await (const { seq } of reader.logs({ afterSeq: 4_321 })) seqs.push(seq);
    expect(seqs).toEqual(Array.from({ length: 5_009 - 4_321 }, (_, i) => 4_322 + i));
    await reader.close();
  });

  it('leaves nothing behind of what it unpacked', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('stepscope-import-'));
    await problemOf(gzipSync(await traceOf(sampleRun())));
    await problemOf(gzipSync('nonsense'));
    await problemOf(gzipSync(await traceOf(sampleRun())).subarray(0, 300));
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('stepscope-import-'))).toEqual(before);
  });

  it('is refused with the line that is wrong', async () => {
    const text = await traceOf(sampleRun());
    const lines = linesOf(text);
    const changed = (at: number, change: (line: string) => string) => lines.map((line, i) => (i === at ? change(line) : line));
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const withPatch = (path: string) => changed(1, (line) => line.replace('"fork_patch":null', `"fork_patch":[{"op":"add","path":"${path}","value":1}]`));

    expect(await problemOf('')).toMatch(/is empty$/);
    expect(await problemOf(text.slice(0, text.length / 2))).toMatch(/^the file is cut at line \d+$/);
    expect(await problemOf(lines.slice(0, 9).join('\n'))).toMatch(/^the trace is cut off after line 9/);
    expect(await problemOf(text.replace('a red lighthouse', 'a fed lighthouse'))).toMatch(/^the checksum in line 19 is not/);
    expect(await problemOf(`${text}${lines[3]!}\n`)).toBe('line 20 stands after the end of the trace');
    expect(await problemOf(sealed(lines).replace('"rows":17', '"rows":18'))).toMatch(/has 17 rows, and its last line \(19\) says 18/);
    expect(await problemOf(sealed(changed(0, (line) => line.replace('"version":2', '"version":3'))))).toBe('the trace has version 3, and this stepscope reads up to 2');
    expect(await problemOf(sealed([lines[0]!, ...lines.slice(2)]))).toMatch(/^line 2 is a row of test_execution_steps, where/);
    expect(await problemOf(sealed([...lines, lines[1]!]))).toMatch(/is a second run/);
    expect(await problemOf(sealed(changed(3, (line) => line.replace('"test_run_id":"0199', '"test_run_id":"0198'))))).toBe('line 4 belongs to another run than the header names');
    expect(await problemOf(sealed(changed(2, (line) => line.replace('"attempt":1', '"attempt":"one"'))))).toMatch(/^line 3 is no row of test_execution_steps: attempt: /);
    expect(await problemOf(sealed(changed(1, (line) => line.replace('{"options":{}}', nested(limits.jsonDepth + 9)))))).toMatch(/^line 2: JSON nested deeper than 64 levels$/);
    expect(await problemOf(sealed(changed(1, (line) => line.replace('{"options":{}}', nested(100_000)))))).toMatch(/^line 2: JSON nested deeper than 64 levels$/);
    expect(await problemOf(sealed(withPatch('/__proto__/isAdmin')))).toBe('line 2 has a patch that reaches into /__proto__/isAdmin');
    expect(await problemOf(sealed(changed(1, (line) => line.replace('{"id"', '{"__proto__":{"isAdmin":true},"id"'))))).toMatch(/^line 2 is no row of test_execution_runs: it has a field "__proto__"/);
    expect(await problemOf(Uint8Array.from({ length: 4_000 }, (_, i) => (i * 7919) % 251))).toMatch(/is not text in UTF-8/);
    expect(await problemOf(gzipSync(text).subarray(0, 300))).toMatch(/cannot be unpacked: /);
    expect(await problemOf(JSON.stringify(documentOf(sampleRun())).slice(0, 9_000))).toMatch(/is cut off or damaged/);
    expect({}).not.toHaveProperty('isAdmin');
  });

  it('keeps what it does not know', async () => {
    const lines = linesOf(await traceOf(sampleRun()));
    const newer = sealed([...lines.map((line, i) => (i === 1 ? line.replace('{"id"', '{"mood":"fine","id"') : line)), '{"table":"moods","row":{"mood":"fine"}}']);
    const reader = await openTraceFile(fileOf(newer));
    expect(reader.run).toMatchObject({ mood: 'fine', pipeline_key: 'sample' });
    await reader.close();
  });

  it('is not unpacked when it is a bomb', async () => {
    expect(await problemOf(gzipSync(Buffer.alloc(80 * 1024 * 1024, ' ')))).toMatch(/unpacks to more than 200 times its size$/);
  });

  it('says that there is no such file', async () => {
    await expect(openTraceFile(join(home, 'nowhere'))).rejects.toMatchObject({ code: 'not-found', message: `no file ${join(home, 'nowhere')}` });
  });
});
