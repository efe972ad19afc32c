import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { openScreen } from '../tools/terminal-screen.ts';
import { readStateFile } from './backend/find-backend.ts';
import { buildProgram, installation, program } from './testing.ts';

const random = (length: number): string => randomBytes(length).toString('base64url').replaceAll(/[-_]/g, 'x').slice(0, length);
const hex = (length: number): string => randomBytes(length).toString('hex').slice(0, length);

/** Made anew each time, so that nothing can know them but by leaking them. The part that must not appear is searched for. */
const shapes: Readonly<Record<string, (secret: string) => string>> = {
  replicate: (secret) => `r8_${secret}${random(8)}`,
  'supabase secret': (secret) => `sb_secret_${secret}`,
  openai: (secret) => `sk-proj-${secret}${random(16)}`,
  stripe: (secret) => `sk_live_${secret}`,
  github: (secret) => `ghp_${secret}`.padEnd(40, 'a'),
  slack: (secret) => `xoxb-123456789012-123456789012-${secret}`,
  bearer: (secret) => `Authorization: Bearer ${secret}`,
  basic: (secret) => `Authorization: Basic ${Buffer.from(`user:${secret}`).toString('base64')}`,
  'database address': (secret) => `postgres://admin:${secret}@db.internal:5432/app`,
  'key in a query': (secret) => `https://api.internal/v1?api_key=${secret}&page=2`,
  'private key': (secret) => `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`,
  jwt: (secret) => `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from(`{"sub":"${secret}"}`).toString('base64url')}.${secret}`,
  assignment: (secret) => `PASSWORD=${secret}`,
  json: (secret) => `{"password":"${secret}"}`,
};
const keyed = ['apiKey', 'api_key', 'password', 'token', 'authorization', 'client_secret', 'accessToken', 'private_key', 'cookie'];

/** Each with the text that would give it away. A secret that is shown by its last four characters keeps those to itself. */
function plant(): { readonly note: string; readonly settings: Record<string, unknown>; readonly traces: readonly string[] } {
  const traces: string[] = [];
  const secret = (length = 32): string => {
    const value = random(length);
    traces.push(value.slice(0, 16));
    return value;
  };
  const notes = Object.values(shapes).map((shape) => shape(secret()));
  const access = `sbp_${hex(40)}`;
  traces.push(access.slice(4, 20));
  const settings = Object.fromEntries(keyed.map((key) => [key, secret()]));
  return { note: [...notes, access].join(' '), settings: { ...settings, nested: [{ headers: { Authorization: `Bearer ${secret()}` } }] }, traces };
}

describe('secrets', { timeout: 120_000 }, () => {
  const planted = plant();
  const environment = random(32);
  const traces = [...planted.traces, environment.slice(0, 16)];
  // The pipeline gets them the way a program does: from somewhere else than its inputs.
  const here = installation({ STEPSCOPE_TEST_INDISCREET: environment, STEPSCOPE_TEST_PLANTED: JSON.stringify({ note: planted.note, settings: planted.settings }) });
  beforeAll(buildProgram, 120_000);
  afterAll(here.remove);

  const found = (where: string, text: string | Buffer): string[] => traces.filter((trace) => text.includes(trace)).map((trace) => `${trace} in ${where}`);

  it('that are planted everywhere appear in no file, table, frame, export, output or screen', async () => {
    here.start('serve', '--port', '0', join(import.meta.dirname, '../../fixtures/pipelines/indiscreet.ts'));
    const state = await vi.waitFor(() => readStateFile(here.dataDir) ?? expect.unreachable('no state file yet'), { timeout: 30_000, interval: 100 });

    // Everything that comes over the socket, before any client has made something of it.
    const frames: string[] = [];
    class Tap extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[]) {
        super(address, protocols);
        this.on('message', (data: Buffer) => frames.push(data.toString('utf8')));
      }
    }
    const service = createClient(state.url, state.secretKey, { realtime: { transport: Tap as never }, auth: { persistSession: false } });
    const subscribed = new Promise<void>((resolve) => {
      const channel = service.channel(randomUUID());
      for (const table of ['test_execution_logs', 'test_execution_runs', 'test_execution_steps', 'test_execution_commands'])
        channel.on('postgres_changes', { event: '*', schema: 'public', table }, () => undefined);
      channel.subscribe((status) => status === 'SUBSCRIBED' && resolve());
    });
    await subscribed;

    const refused = await here.run('run', 'indiscreet', '--input', `note=${planted.note}`, '--input', `settings=${JSON.stringify(planted.settings)}`, '--json');
    expect(refused.status).toBe(2);
    expect(refused.err).toMatch(/looks like a secret: \/note, \/settings\/apiKey/);

    const run = await here.run('run', 'indiscreet', '--json');
    expect(run.status).toBe(1);
    await vi.waitFor(() => expect(frames.join('')).toContain('cannot go on because of'), { timeout: 10_000 });
    await service.removeAllChannels();

    const outputs = await Promise.all([
      here.run('tail', 'last'),
      here.run('tail', 'last', '--json'),
      here.run('show', 'last'),
      here.run('show', 'last', '--json'),
      here.run('show', 'last', '--step', 'repeat', '--json'),
      here.run('export', 'last'),
      here.run('runs', '--json'),
    ]);
    expect(outputs.map((output) => output.status)).toEqual(outputs.map(() => 0));
    expect(outputs[1].json.filter((line) => String(line['message']).includes('db.internal'))).not.toHaveLength(0);

    const tables = await Promise.all(
      ['test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs', 'test_execution_commands', 'audit_log'].map(
        async (table) => [table, JSON.stringify((await service.from(table).select('*').throwOnError()).data)] as const,
      ),
    );
    // No command was given; everywhere else there is something to search.
    expect(tables.filter(([, text]) => text === '[]').map(([table]) => table)).toEqual(['test_execution_commands']);

    const screen = openScreen({ command: process.execPath, args: [program], columns: 200, rows: 60, env: here.env });
    await screen.shows(/failed +[0-9a-f]{6}/);
    screen.press('\r');
    await screen.shows('cannot go on');
    for (const view of ['1', '2', '3', '4', '5', '6', '7', '8', '9', '{', '3', '4', '5', '6']) {
      screen.press(view);
      await screen.shows('indiscreet');
    }
    screen.kill();

    const files = readdirSync(here.dataDir, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(100);

    expect([
      ...files.flatMap((file) => found(file, readFileSync(file))),
      ...tables.flatMap(([table, text]) => found(table, text)),
      ...frames.flatMap((frame, at) => found(`frame ${at}`, frame)),
      ...[refused, run, ...outputs].flatMap((output, at) => found(`output ${at}`, output.out + output.err)),
      ...found('screen', screen.raw()),
    ]).toEqual([]);
  });
});
