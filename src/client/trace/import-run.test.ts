import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createHash, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { harText } from '../../core/export/har.ts';
import { markdownText } from '../../core/export/markdown.ts';
import { otlpText } from '../../core/export/otlp.ts';
import { logText } from '../../core/export/text.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import type { TestBackend } from '../../server/testing.ts';
import { startTestBackend } from '../../server/testing.ts';
import type { Backend } from '../backend.ts';
import { connectBackend } from '../connect-backend.ts';
import type { ReadOptions } from './read-recordings.ts';
import { asCopy, readRecordings } from './read-recordings.ts';
import type { Recording } from './recording.ts';
import { openSource } from './source-file.ts';
import { sampleRun, traceOf } from './testing.ts';
import { documentText } from './write-document.ts';
import { traceText } from './write-trace.ts';

vi.setConfig({ testTimeout: 90_000 });

let server: TestBackend;
let backend: Backend;
const home = mkdtempSync(join(tmpdir(), 'stepscope-import-test-'));
beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
});
afterAll(async () => {
  await backend.close();
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

async function recordingsIn(content: string | Uint8Array, format: ReadOptions['format'] = 'auto'): Promise<readonly Recording[]> {
  const path = join(home, randomUUID());
  writeFileSync(path, content);
  return await readRecordings(await openSource(path), { format, now: '2026-11-21T10:00:00.000Z' });
}

async function imported(content: string | Uint8Array): Promise<string> {
  const [recording] = await recordingsIn(content);
  expect(await backend.importRun(recording!)).toBe('stored');
  return recording!.run['test_run_id'] as string;
}

async function exported(runId: string): Promise<string> {
  let text = '';
  for await (const piece of traceText(backend.traceRows(runId), { exportedAt: 'then', runId })) text += piece;
  return text;
}

async function forget(runId: string): Promise<void> {
  await server.database.asOwner((transaction) => transaction.query('delete from test_execution_runs where test_run_id = $1', [runId]));
}

/** The sample under an id of its own, changed. */
function sample(change: (row: Record<string, Json>, table: string) => void = () => undefined): readonly TraceRow[] {
  const own = randomUUID().slice(0, 8);
  return sampleRun(randomUUID()).map(({ table, row }) => {
    const copy: Record<string, Json> = { ...row };
    for (const column of ['id', 'log_id']) if (typeof copy[column] === 'string') copy[column] = copy[column].replace(/^.{8}/, own);
    change(copy, table);
    return { table, row: copy };
  });
}

/** JSON as people's programs have it: keys and texts of every kind, and numbers that JSON keeps. */
const anyJson = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('sk-abc123def456', 'a@b.example', '***456', 'password=hunter22 and more', '__proto__', 'Bearer abcdefgh12345'),
    fc.array(tie('value'), { maxLength: 4 }) as fc.Arbitrary<Json>,
    fc.dictionary(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('apiKey', 'token', '10', '2')), tie('value'), { maxKeys: 4 }) as fc.Arbitrary<Json>,
  ),
})).value;
const anyObject = fc.dictionary(fc.string({ maxLength: 8 }), anyJson, { maxKeys: 5 }) as fc.Arbitrary<JsonObject>;

describe('a recording', () => {
  it('is the same bytes when it goes out, comes in and goes out again', async () => {
    const run = fc.record({ inputs: anyObject, data: anyJson, state: anyObject, message: fc.string({ unit: 'grapheme' }), blob: anyJson, isPacked: fc.boolean(), notes: fc.option(fc.string(), { nil: null }) });
    await fc.assert(
      fc.asyncProperty(run, async (made) => {
        const body = JSON.stringify(made.blob);
        const rows = sample((row, table) => {
          if (table === 'test_execution_runs') Object.assign(row, { inputs: made.inputs, notes: made.notes });
          if (table === 'test_execution_logs') Object.assign(row, { data: made.data, message: made.message });
          if (table === 'test_execution_snapshots') Object.assign(row, { inputs: made.inputs, state_before: { $manifest: 1, keys: Object.keys(made.state), inline: made.state, blobs: {} } });
          if (table === 'recorded_exchanges') Object.assign(row, { request: { headers: {}, body: made.data } });
          if (table === 'snapshot_blobs') Object.assign(row, made.isPacked ? { encoding: 'gzip+base64', body: gzipSync(body).toString('base64') } : { body });
        });
        const id = await imported(await traceOf(rows));
        const first = await exported(id);
        const [again] = await recordingsIn(first);
        expect(await backend.runDigest(id)).toBe(again!.sha256);
        expect(await backend.importRun(again!)).toBe('here');
        await forget(id);
        expect(await imported(first)).toBe(id);
        expect(await exported(id)).toBe(first);
        await forget(id);
      }),
      { numRuns: 15 },
    );
  });

  it('brings every row as it was', async () => {
    const rows = sample();
    const text = await traceOf(rows);
    const id = await imported(text);
    const after = await exported(id);
    const linesOf = (trace: string): JsonObject[] => trace.trimEnd().split('\n').slice(1, -1).map((line) => JSON.parse(line) as JsonObject);
    expect(linesOf(after)).toEqual(linesOf(text));
    expect((await backend.run(id)).status).toBe('failed');
    expect(await backend.logs(id)).toHaveLength(3);
  });

  it('stands a second time under ids of its own', async () => {
    const text = await traceOf(sample());
    const id = await imported(text);
    const [recording] = await recordingsIn(text);
    const copy = asCopy(recording!);
    expect(await backend.importRun(copy)).toBe('stored');
    const [first, second] = [await exported(id), await exported(copy.run['test_run_id'] as string)];
    expect(second.split('\n')).toHaveLength(first.split('\n').length);
    const comment = (trace: string): JsonObject => (JSON.parse(trace.trimEnd().split('\n').at(-2)!) as { row: JsonObject }).row;
    const logIds = (await backend.logs(copy.run['test_run_id'] as string)).map(({ id: logId }) => logId);
    expect(logIds).toContain(comment(second)['log_id']);
    expect(logIds).not.toContain(comment(first)['log_id']);
  });

  it('is ended here when it was under way there, and goes out as it was', async () => {
    const rows = sample((row, table) => {
      if (table === 'test_execution_runs') Object.assign(row, { status: 'pending', parent_run_id: 'a parent that is not here' });
      if (table === 'test_execution_commands') Object.assign(row, { state: 'pending' });
      if (table === 'approvals') Object.assign(row, { state: 'waiting' });
    });
    const id = await imported(await traceOf(rows));
    expect(await backend.run(id)).toMatchObject({ status: 'interrupted', parent_run_id: null });
    const text = await exported(id);
    expect(text).toMatch(/"parent_run_id":"a parent that is not here"/);
    expect(text).toMatch(/"status":"pending"/);
    expect(text).toMatch(/"state":"waiting"/);
    await forget(id);
    await imported(text);
    expect(await exported(id)).toBe(text);
  });

  it('keeps fields and rows that a newer program has written', async () => {
    const rows = [
      ...sample((row, table) => {
        if (table === 'test_execution_runs') row['mood'] = { is: 'fine' };
        if (table === 'snapshot_blobs') row['colour'] = 'red';
      }),
      { table: 'moods', row: { id: 'm2', mood: 'fine' } },
      { table: 'moods', row: { id: 'm1', mood: 'better' } },
    ];
    const id = await imported(await traceOf(rows));
    const text = await exported(id);
    expect(text).toMatch(/"mood":\{"is":"fine"\}/);
    expect(text).toMatch(/"colour":"red"/);
    expect(text).toMatch(/"table":"moods","row":\{"id":"m2".*\n.*"table":"moods","row":\{"id":"m1"/);
    await forget(id);
    await imported(text);
    expect(await exported(id)).toBe(text);
  });

  it('has its secrets masked on the way in and on the way out', async () => {
    const secrets = ['r8_AbCdEf0123456789AbCdEf0123456789', 'sb_secret_Zz0123456789abcdef', 'ada.lovelace@engine.example'];
    const all = secrets.join(' ');
    const body = JSON.stringify({ deep: { text: all } });
    const rows = sample((row, table) => {
      if (table === 'test_execution_runs') Object.assign(row, { inputs: { a: all }, notes: all, error_message: all, execution_data: { password: 'hunter2-hunter2' } });
      if (table === 'test_execution_logs') Object.assign(row, { data: { a: [all] }, message: all });
      if (table === 'test_execution_snapshots') Object.assign(row, { outputs: { a: all }, state_after: { $manifest: 1, keys: ['a', 'image'], inline: { a: all }, blobs: { image: 'b10b' } } });
      if (table === 'recorded_exchanges') Object.assign(row, { url: `https://x.example/?token=${secrets[0]!}`, response: { headers: { authorization: `Bearer ${secrets[1]!}` }, body: all } });
      if (table === 'snapshot_blobs') Object.assign(row, { encoding: 'gzip+base64', body: gzipSync(body).toString('base64') });
      if (table === 'comments') row['body'] = all;
    });
    const id = await imported(await traceOf([...rows, { table: 'newer', row: { text: all } }]));
    const stored = await server.database.asOwner(async (transaction) => {
      const found: string[] = [];
      for (const table of [...new Set(rows.map((row) => row.table)), 'imported_extras']) {
        const { rows: texts } = await transaction.query<{ text: string }>(`select to_jsonb(t)::text as text from ${table} t where test_run_id = $1`, [id]);
        found.push(...texts.map(({ text }) => text));
      }
      return found.join('\n');
    });
    const blob = /"body": ?"([^"]{40,})"/.exec(stored)![1]!;
    const formats = [
      documentText(backend.traceRows(id), 'then'),
      otlpText(backend.traceRows(id), { sha256: (text) => createHash('sha256').update(text).digest('hex'), version: '0' }),
      harText(backend.traceRows(id), { version: '0', contentOf: (hash) => backend.content(id, hash) }),
      markdownText(backend.traceRows(id)),
      logText(backend.traceRows(id)),
    ];
    const texts = [stored, gunzipSync(Buffer.from(blob, 'base64')).toString(), await exported(id)];
    for (const pieces of formats) {
      let text = '';
      for await (const piece of pieces) text += piece;
      expect(text.length).toBeGreaterThan(100);
      texts.push(text);
    }
    for (const secret of [...secrets, 'hunter2-hunter2']) for (const text of texts) expect(text.includes(secret)).toBe(false);
  });

  it('is not there at all when its import fails or is broken off', async () => {
    const rows = sample();
    const [recording] = await recordingsIn(await traceOf(rows));
    const id = recording!.run['test_run_id'] as string;
    const broken: Recording = {
      ...recording!,
      rows: async function* () {
        yield* recording!.rows();
        throw new Error('the disk was taken out');
      },
    };
    await expect(backend.importRun(broken)).rejects.toThrow('the disk was taken out');
    await expect(backend.run(id)).rejects.toMatchObject({ code: 'not-found' });

    const stop = new AbortController();
    await expect(backend.importRun(recording!, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await expect(backend.run(id)).rejects.toMatchObject({ code: 'not-found' });
    expect(await backend.importRun(recording!)).toBe('stored');

    // The same rows under another run.
    const thief = rows.map(({ table, row }) => ({ table, row: { ...row, test_run_id: `${id}-2`, ...(table === 'test_execution_runs' ? { id: randomUUID() } : {}) } }));
    const [other] = await recordingsIn(await traceOf(thief));
    await expect(backend.importRun(other!)).rejects.toMatchObject({ code: 'conflict', hint: 'Import a copy, with ids of its own' });
    await expect(backend.run(`${id}-2`)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('goes through with large states', async () => {
    const large = { text: 'ö"\\'.repeat(1_500_000) };
    const rows = sample((row, table) => {
      if (table === 'snapshot_blobs') Object.assign(row, { body: JSON.stringify(large), bytes: 9_000_000 });
    });
    const id = await imported(await traceOf(rows));
    expect((await backend.snapshot(id, 'plan'))!.stateAfter!['image']).toEqual(large);
  });

  it('is nobody else’s to store', async () => {
    const user = await server.addUser();
    const stranger = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: user });
    const [recording] = await recordingsIn(await traceOf(sample()));
    await expect(stranger.importRun(recording!)).rejects.toMatchObject({ code: 'forbidden' });
    await stranger.close();
    const reader = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin, readOnly: true });
    await expect(reader.importRun(recording!)).rejects.toMatchObject({ code: 'forbidden' });
    await reader.close();
  });
});
