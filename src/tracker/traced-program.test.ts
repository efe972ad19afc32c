import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';

vi.setConfig({ testTimeout: 40_000 });

const program = join(import.meta.dirname, '../../fixtures/traced-program/program.js');
const entry = new URL('../index.ts', import.meta.url).href;
// The program imports the package by its name; here that is the source, not what was built of it last.
const asSource = `data:text/javascript,${encodeURIComponent(`import { registerHooks } from 'node:module'; registerHooks({ resolve: (name, context, next) => name === 'stepscope' ? { url: ${JSON.stringify(entry)}, shortCircuit: true } : next(name, context) });`)}`;

let server: TestBackend;
let backend: Backend;
let dataDir: string;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'stepscope-traced-'));
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await backend.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly runId: string;
}

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = { STEPSCOPE_URL: server.url, STEPSCOPE_KEY: server.keys.secretKey },
) {
  const { STEPSCOPE_URL: _url, STEPSCOPE_KEY: _key, NODE_OPTIONS: _options, ...rest } = process.env;
  const child = spawn(process.execPath, ['--import', asSource, program, ...args], {
    env: { ...rest, STEPSCOPE_DATA_DIR: dataDir, ...env },
  });
  children.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = async (): Promise<Ended> => {
    const [code, signal] =
      (child.exitCode ?? child.signalCode) === null
        ? ((await once(child, 'close')) as [number | null, NodeJS.Signals | null])
        : [child.exitCode, child.signalCode];
    children.delete(child);
    return { code, signal, ...output, runId: /^run (\S+)/m.exec(output.stdout)?.[1] ?? '' };
  };
  return { child, output, ended };
}

const steps = async (runId: string) => (await backend.steps(runId)).map(({ display, status }) => `${display} ${status}`);

describe('a program of somebody else that traces itself', () => {
  it('is recorded whole and ends by itself', async () => {
    const { code, stdout, stderr, runId } = await start(['a sea']).ended();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('aseaseas');
    expect(await backend.run(runId)).toMatchObject({
      status: 'completed',
      pipeline_key: 'traced-program',
      inputs: { words: 'a sea' },
      total_steps: 2,
      completed_steps: 2,
    });
    expect(await steps(runId)).toEqual(['1 completed', '2 completed', '2a completed', '2b completed', '2c completed']);
    expect(await backend.snapshot(runId, 'paint')).toMatchObject({
      inputs: { width: 8, height: 3 },
      stateAfter: { rows: ['aseaseas', 'seasease', 'easeasea'] },
    });
  });

  it('ends at once when it has looked at a stored run', async () => {
    const running = start(['x', 'auto', 'load']);
    await vi.waitFor(() => expect(running.output.stdout).toContain('loaded completed'), { timeout: 15_000 });
    await vi.waitFor(() => expect(running.child.exitCode).toBe(0), { timeout: 5_000 });
  });

  it('has its run ended for it when it forgets to', async () => {
    const { code, runId } = await start(['x', 'auto', 'forget']).ended();
    expect(code).toBe(0);
    expect((await backend.run(runId)).status).toBe('completed');
  });

  it('loses nothing to process.exit, whose status stays', async () => {
    const { code, runId } = await start(['x', 'auto', 'exit']).ended();
    expect(code).toBe(3);
    expect(await backend.run(runId)).toMatchObject({ status: 'failed', error_message: 'the program ended with status 3' });
    expect((await backend.logs(runId)).map((log) => log.message)).toContain('about to exit');
  });

  it('fails like the exception that ends it, with its stack', async () => {
    const { code, stderr, runId } = await start(['x', 'auto', 'throw']).ended();
    expect(code).toBe(1);
    expect(stderr).toContain('Error: the paint ran out');
    const run = await backend.run(runId);
    expect(run).toMatchObject({ status: 'failed', error_message: 'the paint ran out', failed_step: 'paint' });
    expect(run.error_stack).toMatch(/program\.js:\d+/);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('dies of %s as it would without us, its run stored', async (signal) => {
    const running = start(['x', 'auto', 'wait']);
    await vi.waitFor(() => expect(running.output.stdout).toContain('waiting'), { timeout: 15_000 });
    running.child.kill(signal);
    const ended = await running.ended();
    expect(ended).toMatchObject({ code: null, signal });
    expect(await backend.run(ended.runId)).toMatchObject({ status: 'interrupted', error_message: `the program was ended by ${signal}` });
  });

  it('stays alive while it is held, and goes on with edited inputs', async () => {
    const running = start(['abc', 'paused']);
    const runId = await vi.waitFor(
      async () => {
        const [, id] = /^run (\S+)/m.exec(running.output.stdout)!;
        expect((await backend.run(id!)).status).toBe('paused');
        return id!;
      },
      { timeout: 15_000 },
    );
    const edit = await backend.command(runId, 'edit', { step: 'choose_glyphs', patch: [{ op: 'replace', path: '/words', value: 'xyz' }] });
    expect((await backend.settled(edit)).state).toBe('done');
    await backend.command(runId, 'continue');
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    expect(stdout).toContain('xyzxyzxy');
  });

  it('runs all the same without a backend, and says once that nothing is recorded', async () => {
    const { code, stdout, stderr } = await start(['abc'], {}).ended();
    expect(code).toBe(0);
    expect(stdout).toContain('abcabcab');
    expect(stderr).toBe(
      'stepscope: nothing is recorded: no local backend is running. Start one with `stepscope`, or call configure({ url, key }).\n',
    );
  });

  it.each([
    ['there is no backend', {}, 'no local backend is running. Start a backend with `stepscope`, or call configure({ url, key }).'],
    ['nobody answers', { STEPSCOPE_URL: 'http://127.0.0.1:1', STEPSCOPE_KEY: 'sb_secret_x' }, 'no backend answers at http://127.0.0.1:1'],
  ])('finds no stored run when %s, says so once, and goes on', async (_, env, why) => {
    const { code, stdout, stderr } = await start(['abc', 'auto', 'load'], env).ended();
    expect(code).toBe(0);
    expect(stdout).toContain('loaded undefined');
    expect(stderr.split('\n').filter((line) => line.includes('cannot be read'))).toEqual([`stepscope: runs cannot be read: ${why}`]);
    expect(stderr).not.toContain('    at ');
    rmSync(join(dataDir, 'spool'), { recursive: true, force: true });
  });

  it('runs all the same when the backend is down, and its rows arrive with the next program', async () => {
    const down = await start(['abc'], { STEPSCOPE_URL: 'http://127.0.0.1:1', STEPSCOPE_KEY: server.keys.secretKey }).ended();
    expect(down).toMatchObject({ code: 0 });
    expect(down.stdout).toContain('abcabcab');
    expect(down.stderr).toBe(
      'stepscope: nobody answers at the backend; what was recorded is kept on disk and sent by the next program that finds it\n',
    );
    expect(readdirSync(join(dataDir, 'spool'))).toEqual([`${down.runId}.ndjson`]);

    const next = start(['abc', 'auto', 'wait']);
    await vi.waitFor(async () => expect((await backend.run(down.runId)).status).toBe('completed'), { timeout: 20_000 });
    expect(await steps(down.runId)).toHaveLength(5);
    await vi.waitFor(() => expect(readdirSync(join(dataDir, 'spool'))).toEqual([]), { timeout: 10_000 });
    next.child.kill('SIGKILL');
    await next.ended();
  });
});
