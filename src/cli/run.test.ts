import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Trace } from '../protocol/trace.ts';
import { buildProgram, installation, program } from './testing.ts';
import type { Started } from './testing.ts';

const execute = promisify(execFile);
const pipelineFile = join(import.meta.dirname, '../../fixtures/pipelines/greet.js');
const withPrompt = ['--input', 'prompt=a lighthouse'];

/** Id of the run that waits at a gate, from what its caller says. */
async function heldBefore(run: Started, display: string): Promise<string> {
  const [, id] = await run.says(new RegExp(`Held before ${display} .*resume ([0-9a-f-]{36})`));
  return id!;
}

// Without a backend each call opens the database for itself, which takes most of its time: only what is about that does.
const here = installation();
let cancelled: string;
beforeAll(buildProgram, 120_000);
afterAll(here.remove);

describe('stepscope run', { timeout: 60_000 }, () => {
  it('prints one line of JSON a step, with key, number, status and duration, and exits 0', async () => {
    const { status, json, err } = await here.run('run', 'generate-content', ...withPrompt, '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const numbers = json.map((step) => step['number']);
    expect(numbers.join(' ')).toBe('1 2 3 4 5 6 7 8a 8b 8c 8d 8e 8 9a 9 10 11a 11b 11c 11d 11e 11 12 13b 13 14 15');
    expect(json.map((step) => step['status'])).toEqual(numbers.map(() => 'completed'));
    expect(json.find((step) => step['number'] === '8e')).toMatchObject({ key: 'call_edge_function.provider_api_call', duration: expect.any(Number) });
  });

  it('cancels the run it executes on Ctrl-C', async () => {
    const run = here.start('run', 'generate-content', ...withPrompt, '--break', '3');
    cancelled = await heldBefore(run, '3');
    run.kill('SIGINT');
    expect(await run.outcome).toMatchObject({ status: 130 });
  });

  it('leaves no backend behind', async () => {
    const { status, err } = await here.run('status');
    expect(status).toBe(3);
    expect(err).toMatch(/no backend is running/);
  });
});

describe('with a backend running, stepscope', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await here.start('backend').says(/listening on/);
  }, 120_000);
  const ids = async (): Promise<readonly unknown[]> => (await here.run('runs', '--json')).json.map((run) => run['test_run_id']);

  it('finds what ran before it, cancelled where Ctrl-C met it', async () => {
    expect((await here.run('show', cancelled, '--json')).json[0]).toMatchObject({ status: 'cancelled' });
  });

  it('runs a pipeline from a file, and tells people of its steps in aligned lines', async () => {
    const { status, out } = await here.run('run', pipelineFile);
    expect(status).toBe(0);
    expect(out).toMatch(/^\S +1 {2}\S.* m?s\n\S +2 {2}\S.* m?s\n\S completed after .*, 2 of 2 steps\. Run [0-9a-f-]{36}\n$/);
  });

  it('names the field of an input that does not fit, exits 2, and runs nothing', async () => {
    const before = await ids();
    const { status, out, err } = await here.run('run', 'generate-content', ...withPrompt, '--input', 'width=-1', '--json');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(/width: must be at least/);
    expect(await ids()).toEqual(before);
  });

  it('exits 1 when a run fails, with the words of the provider at the step that failed', async () => {
    const { status, json, err } = await here.run('run', 'generate-content', ...withPrompt, '--simulate', 'fail:GPU on fire,latency=0', '--json');
    expect(status).toBe(1);
    expect(json.filter((step) => step['status'] === 'failed').map((step) => step['error'])).toContainEqual(expect.stringContaining('GPU on fire'));
    expect(err).toMatch(/failed\n.*GPU on fire[\s\S]*stepscope show /);
  });

  it.concurrent.each([
    [['run', 'generate-contnet'], /no pipeline "generate-contnet"\nDid you mean `generate-content`\?/],
    [['run', 'generate-content', '--break', '8z'], /no step "8z"\n.*8/],
    [['run', 'generate-content', '--simulate', 'fial'], /no behaviour "fial"\nDid you mean `fail`/],
    [['run', 'generate-content', '--input', 'prompt=x', '--input', 'widht=512'], /no input "widht"\nDid you mean `width`\?/],
    [['run', 'generate-content', '--input', 'prompt=@no-such-file'], /--input prompt=@no-such-file: .*ENOENT.*\nAfter @ stands a file/],
    [['runs', '--theme', 'drk'], /--theme: no theme "drk"\nDid you mean `dark`\?/],
    [['pipelines', 'generate'], /no pipeline "generate"\nDid you mean `generate-content`\?/],
    [['run', './no-such-pipeline.ts'], /no file .*no-such-pipeline\.ts/],
    [['show', 'ffffff'], /ffffff/],
    [['rnu'], /no command "rnu"\nDid you mean `run`/],
    [['runs', '--limti', '3'], /Did you mean --limit/],
    [['tail', '--filter', 'levle=warn'], /levle[\s\S]*level/],
    [['tail', '--since', 'soon'], /--since: "soon" is not a time\nWrite 30m/],
    [['tail', 'abc123', '--all'], /--all prints the lines of all runs\n[\s\S]*run=abc123/],
    [['tail', '-n', '1e3'], /--lines: "1e3" is not a count/],
    [['tail', '-n', '100001'], /--lines takes at most 100000\nWithout --lines all/],
    [['status', '--url', 'http://127.0.0.1:1', '--key', 'sb_secret_x'], /--key must not stand on the command line/],
  ])('answers %j with status 2 and what helps', async (args, words) => {
    const { status, err } = await here.run(...args);
    expect(err).toMatch(words);
    expect(status).toBe(2);
  });

  it('holds at a breakpoint until another call lets it go on', async () => {
    const run = here.start('run', 'generate-content', ...withPrompt, '--break', '7', '--json');
    const id = await heldBefore(run, '7');
    const before = await here.run('show', id, '--json');
    expect(before.json[0]).toMatchObject({ status: 'paused' });
    expect(before.json.filter((step) => step['status'] === 'completed')).toHaveLength(6);

    expect(await here.run('step', id)).toMatchObject({ status: 0, err: `Stepped ${id}: held before 8 Call Edge Function (step)\n` });
    await heldBefore(run, '8');
    expect((await here.run('pause', id)).err).toMatch(/cannot pause: the run is paused already/);
    expect(await here.run('resume', id)).toMatchObject({ status: 0 });
    expect(await run.outcome).toMatchObject({ status: 0 });
    expect((await here.run('cancel', id)).err).toMatch(/cannot cancel: the run is completed/);
  });

  it('stores breakpoints with the pipeline', async () => {
    expect(await here.run('break', 'add', 'generate-content', '8e')).toMatchObject({ status: 0 });
    const run = here.start('run', 'generate-content', ...withPrompt);
    await heldBefore(run, '8e');
    expect((await here.run('break', 'list')).out).toMatch(/before 8e Provider API Call/);
    expect((await here.run('break', 'rm', 'generate-content', '8d')).err).toMatch(/has no breakpoint 8d\nThere is #1 before 8e Provider API Call/);
    expect(await here.run('break', 'rm', 'generate-content', '8e')).toMatchObject({ status: 0, err: 'Removed breakpoint #1: before 8e Provider API Call\n' });
    expect((await here.run('break', '--json')).json).toEqual([]);
    expect(await here.run('resume')).toMatchObject({ status: 0 });
    expect(await run.outcome).toMatchObject({ status: 0 });
  });

  it('forks a run from a step with an input changed', async () => {
    const parent = String((await here.run('runs', '--status', 'completed', '--limit', '1', '--json')).json[0]!['test_run_id']);
    const { status, json, err } = await here.run('fork', parent, '--from', '2', '--set', 'request.prompt=a harbour', '--repeat-effects', '--json');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(json.filter((step) => step['status'] === 'reused').map((step) => step['number'])).toEqual(['1']);
    expect(json.find((step) => step['number'] === '2')).toMatchObject({ edited: true, status: 'completed' });
    const [run] = (await here.run('show', String(json[0]!['run']), '--json')).json;
    expect(run).toMatchObject({ parent_run_id: parent, forked_from_step: 'prepare_inputs', status: 'completed' });
  });

  it('refuses a fork that would repeat what it may not, stores nothing, and takes the same words again with leave', async () => {
    const before = await ids();
    const refused = await here.run('fork', 'last', '--from', '7', '--set', 'parameters.width=512');
    expect(refused).toMatchObject({ status: 2, out: '' });
    expect(refused.err).toMatch(/would repeat .* 8e Provider API Call\n.*--repeat-effects/);
    expect(await ids()).toEqual(before);
    expect(await here.run('fork', 'last', '--from', '7', '--set', 'parameters.width=512', '--repeat-effects')).toMatchObject({ status: 0 });
  });

  it('refuses a change of an input that the step has not', async () => {
    const { status, err } = await here.run('fork', 'last', '--from', '7', '--set', 'nosuch=1', '--repeat-effects');
    expect(err).toMatch(/step 7 has no input "nosuch"\nIt takes model, parameters/);
    expect(status).toBe(2);
    expect((await here.run('fork', 'last', '--from', '7', '--set', 'parameters.width=-8', '--repeat-effects')).err).toMatch(/do not fit step 7: parameters\.width: must be at least 64/);
  });

  it('tells what there is to run, and what it takes', async () => {
    expect((await here.run('pipelines')).out).toMatch(/generate-content +Generate content +15 +flux-schnell/);
    const { out } = await here.run('pipelines', 'generate-content');
    expect(out).toMatch(/prompt +string, at most 4000 characters, required +What the picture shows, as: a lighthouse/);
    expect(out).toMatch(/width +integer, 64 to 2048, a multiple of 8 +Pixels.*, as: 768/);
    expect(out).toMatch(/8e +Provider API Call +call_edge_function\.provider_api_call +external/);
    expect((await here.run('pipelines', 'generate-content', '--json')).json[0]).toMatchObject({ pipeline_key: 'generate-content', inputs_schema: { type: 'object' } });
  });

  it('refuses a change that leads nowhere', async () => {
    const { status, err } = await here.run('fork', 'last', '--from', '2', '--set', 'request.nested.deep=1', '--repeat-effects');
    expect(err).toMatch(/the edit does not fit \(add \/request\/nested\/deep\)/);
    expect(status).toBe(2);
  });

  it('tails all runs as one, by run and pipeline, and goes on with what comes', async () => {
    const [first, second] = [await here.run('run', 'generate-content', ...withPrompt, '--json'), await here.run('run', 'generate-content', ...withPrompt, '--json')];
    expect([first.status, second.status]).toEqual([0, 0]);
    const [newest, before] = await ids();
    const { json } = await here.run('tail', '--all', '--json');
    const runs = json.map((log) => log['test_run_id']);
    expect(runs).toEqual(expect.arrayContaining([newest, before]));
    expect(new Set(json.map((log) => log['id'])).size).toBe(json.length);
    const own = (await here.run('tail', String(newest), '--json')).json.map((log) => log['seq']);
    expect((await here.run('tail', '--all', '--json', '--filter', `run=${String(newest).slice(-6)} pipeline=generate-*`)).json.map((log) => log['seq'])).toEqual(own);
    expect((await here.run('tail', '--all', '--filter', 'pipeline=none')).out).toBe('');
    expect((await here.run('tail', '--all', '-n', '3')).out.split('\n').filter((line) => line !== '')).toHaveLength(3);
    const followed = here.start('tail', '--all', '-f', '-n', '0', '--filter', 'step=8e');
    await here.run('run', 'generate-content', ...withPrompt);
    await followed.says(/ 8e /);
    followed.kill('SIGINT');
    const { status, out } = await followed.outcome;
    expect(status).toBe(130);
    expect(out).not.toContain(String(newest).slice(-6));
  });

  it('lists, shows, exports and tails what has run', async () => {
    expect((await here.run('runs')).out).toMatch(/RUN\s+STATUS\s+PIPELINE/);
    const shown = await here.run('show', 'last');
    expect(shown.out).toMatch(/8e {4}\S/);
    expect(shown.out).not.toContain('\u001B');

    const log = await here.run('tail', 'last', '--filter', 'step=8.*', '--json');
    expect(log.json.length).toBeGreaterThan(0);
    expect(log.json.every((line) => String(line['step_key']).startsWith('call_edge_function'))).toBe(true);

    const file = join(here.dataDir, '..', 'trace.json');
    expect(await here.run('export', 'last', '--format', 'json', '-o', file)).toMatchObject({ status: 0 });
    expect(Trace.parse(JSON.parse(readFileSync(file, 'utf8'))).steps.length).toBeGreaterThan(15);
  });

  it('ends quietly when nobody reads any more', async () => {
    const run = here.start('tail', 'last', '--json');
    run.stdout!.destroy();
    const [status] = await once(run, 'exit');
    expect({ status, err: (await run.outcome).err }).toEqual({ status: 0, err: '' });
  });

  it('prints the first lines of a log to whoever wants no more, with no input and also when it follows', async () => {
    const all = await here.run('tail', 'last', '--filter', 'level>=info', '--json');
    for (const more of ['', '-f']) {
      const piped = await execute('sh', ['-c', `{ '${process.execPath}' '${program}' tail last ${more} --json --filter 'level>=info' <&-; echo "status $?" >&2; } | head -3`], { env: here.env });
      expect(piped).toEqual({ stdout: `${all.out.split('\n').slice(0, 3).join('\n')}\n`, stderr: 'status 0\n' });
    }
  });

  it('keeps the last lines of a log, of a time, and no more than it can', async () => {
    const all = await here.run('tail', 'last');
    const lines = all.out.split('\n');
    expect((await here.run('tail', 'last', '-n', '2')).out).toBe(lines.slice(-3).join('\n'));
    expect((await here.run('tail', 'last', '-f', '--since', '1d', '-n', '2')).out).toBe(lines.slice(-3).join('\n'));
    expect((await here.run('tail', 'last', '--since', '1d')).out).toBe(all.out);
    expect((await here.run('tail', 'last', '--since', '2100-01-01')).out).toBe('');
  });

  it('says beside the steps what was too large to be recorded', async () => {
    const { status, err } = await here.run('run', join(pipelineFile, '../misbehaving.ts'), '--input', 'how=returns-too-much');
    expect(status).toBe(0);
    expect(err).toMatch(/2 files\[0\]\.body is too large to be recorded/);
  });

  it('names the steps of a run that the runner refused', async () => {
    const { status, err, out } = await here.run('run', 'generate-content', ...withPrompt, '--provider', 'replicate');
    expect(status).toBe(1);
    expect(out + err).toMatch(/REPLICATE_API_TOKEN is not set/);
    expect((await here.run('show', 'last')).out).toMatch(/ 8e {2}Provider API Call/);
    expect((await here.run('show', 'last', '--step', '7')).err).toMatch(/has not come to step 7 Prepare API Payload/);
    const fork = await here.run('fork', 'last', '--from', '7');
    expect(fork.status).toBe(2);
    expect(fork.err).toMatch(/the parent run has no result of 1 Load Model/);
    expect((await here.run('fork', 'last', '--from', '77')).err).toMatch(/no step "77"\n.*`7`/);
  });

  it('finds nothing wrong with itself', async () => {
    const { status, json } = await here.run('doctor', '--json');
    expect(json.filter((finding) => finding['result'] === 'problem')).toEqual([]);
    expect(status).toBe(0);
  });
});
