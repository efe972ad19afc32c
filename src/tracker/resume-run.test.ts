import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import type { CommandVerb } from '../protocol/rows.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';

vi.setConfig({ testTimeout: 60_000 });

const program = join(import.meta.dirname, '../../fixtures/traced-program/resumable.js');
const entry = new URL('../index.ts', import.meta.url).href;
const asSource = `data:text/javascript,${encodeURIComponent(`import { registerHooks } from 'node:module'; registerHooks({ resolve: (name, context, next) => name === 'stepscope' ? { url: ${JSON.stringify(entry)}, shortCircuit: true } : next(name, context) });`)}`;

let server: TestBackend;
let backend: Backend;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stepscope-resumable-'));
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
}, 60_000);
afterAll(async () => {
  await backend.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', asSource, program, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', STEPSCOPE_DATA_DIR: folder, STEPSCOPE_URL: server.url, STEPSCOPE_KEY: server.keys.secretKey },
  });
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  const closed = once(child, 'close');
  return {
    says: async (pattern: RegExp) => {
      await expect.poll(() => output.out, { timeout: 20_000 }).toMatch(pattern);
      return pattern.exec(output.out)![1] ?? '';
    },
    end: async (signal?: NodeJS.Signals) => {
      if (signal !== undefined) child.kill(signal);
      await closed;
      return { ...output, code: child.exitCode };
    },
  };
}

/** As after half a minute of silence. */
const forget = (id: string) =>
  server.database.asOwner((transaction) => transaction.query(`update test_execution_runs set holder_heartbeat_at = now() - interval '1 minute' where test_run_id = $1`, [id]));
const heldAt = (id: string, key: string) => expect.poll(async () => (await backend.runs()).find((run) => run.test_run_id === id), { timeout: 20_000 }).toMatchObject({ status: 'paused', current_step: key });
const tell = async (id: string, verb: CommandVerb) => expect(await backend.settled(await backend.command(id, verb))).toMatchObject({ state: 'done' });

describe('a traced program that is ended while it is held', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('goes on where it was when it is started again (%s)', async (signal) => {
    const file = join(folder, signal);
    writeFileSync(file, '');
    const first = start(file);
    const id = await first.says(/run (\S+)/);
    for (const [key, verb] of [['choose_a_day', 'next'], ['count', 'next'], ['say_nothing', 'next']] as const) {
      await heldAt(id, key);
      await tell(id, verb);
    }
    await heldAt(id, 'write');
    await first.end(signal);
    expect(await backend.run(id)).toMatchObject({ status: 'paused' });
    await forget(id);

    const second = start(file, id);
    await second.says(/resumed before 4 with \{"day":"Monday","count":12\}/);
    await tell(id, 'continue');
    expect(await second.end()).toMatchObject({ code: 0, out: expect.stringContaining('completed') as string, err: '' });
    expect(readFileSync(file, 'utf8').split('\n').filter(Boolean)).toEqual(['day', 'count', 'nothing', 'write 1970-01-02T00:00:00.000Z 12 Monday', 'letter', 'end W']);
    const steps = await backend.steps(id);
    expect(steps.map(({ display, attempt, status }) => `${display} ${attempt} ${status}`).toSorted()).toEqual(['1', '2', '3', '4', '4a', '5'].map((display) => `${display} 1 completed`));
    expect(await backend.run(id)).toMatchObject({ status: 'completed', error_message: null, pipeline_key: 'careful' });
  });

  it('is held all the time when it is the server that goes, and goes on then', async () => {
    const file = join(folder, 'restart');
    writeFileSync(file, '');
    const held = start(file);
    const id = await held.says(/run (\S+)/);
    await heldAt(id, 'choose_a_day');
    await server.restart();
    await expect.poll(async () => (await backend.settled(await backend.command(id, 'continue'))).state, { timeout: 30_000 }).toBe('done');
    expect(await held.end()).toMatchObject({ code: 0, out: expect.stringContaining('completed') as string });
    expect(readFileSync(file, 'utf8').split('\n').filter(Boolean)).toHaveLength(6);
  });

  it('is told why it cannot be taken up', async () => {
    const file = join(folder, 'ended');
    writeFileSync(file, '');
    const only = start(file);
    const id = await only.says(/run (\S+)/);
    await heldAt(id, 'choose_a_day');
    await tell(id, 'cancel');
    await only.end();
    const { code, err } = await start(file, id).end();
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('is cancelled') as string });
    expect((await start(file, 'no-such-run').end()).err).toContain('no run no-such-run');
  });
});
