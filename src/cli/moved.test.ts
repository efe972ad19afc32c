import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { finalRunStatuses } from '../protocol/vocabulary.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import { readStateFile } from './backend/find-backend.ts';
import { buildProgram, installation } from './testing.ts';
import type { Installation, Started } from './testing.ts';

describe('a server that dies and comes back on another port', { timeout: 120_000 }, () => {
  let here: Installation;
  beforeAll(buildProgram, 120_000);
  afterEach(() => here.remove());

  const serve = async (): Promise<Started> => {
    const server = here.start('serve', '--port', '0', '--json');
    await server.says(/^\{.*\}$/m);
    return server;
  };

  it('is found again by those who follow a run, who miss nothing and say so', async () => {
    here = installation();
    const first = await serve();
    const { url } = readStateFile(here.dataDir)!;
    const run = here.start('run', 'generate-content', '--input', 'prompt=x', '--break', '3');
    await run.says(/Held before 3/);
    const tail = here.start('tail', '-f', 'last', '--json');
    await tail.says(/"seq"/);

    first.kill('SIGKILL');
    await Promise.all([run, tail].map((one) => one.says(/^link lost \(.*\), trying again$/m)));
    await serve();
    expect(readStateFile(here.dataDir)!.url).not.toBe(url);
    await Promise.all([run, tail].map((one) => one.says(/^link is back$/m)));

    await here.run('cancel', 'last');
    const [ran, tailed] = await Promise.all([run.outcome, tail.outcome]);
    const [shown] = (await here.run('show', 'last', '--json')).json;
    expect(finalRunStatuses.has(shown!['status'] as RunStatus)).toBe(true);
    expect(ran.status).toBe(1);
    expect(ran.err.match(/link lost/g)).toHaveLength(1);
    const lines = ran.out.split('\n').filter((line) => line !== '');
    expect(lines).toEqual([...new Set(lines)]);
    const seqs = tailed.json.map((line) => line['seq']);
    expect(seqs).toEqual([...new Set(seqs)]);
    const stored = await here.run('tail', 'last', '--json');
    expect(tailed.json.map((line) => line['id'])).toEqual(stored.json.map((line) => line['id']));
  });
});
