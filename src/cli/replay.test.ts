import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, installation } from './testing.ts';

const pipelineFile = join(import.meta.dirname, '../../fixtures/pipelines/greet.js');

const here = installation();
const recording = join(here.dataDir, '../run.ndjson');
beforeAll(async () => {
  buildProgram();
  await here.start('backend').says(/listening on/);
  expect(await here.run('run', 'generate-content', '--input', 'prompt=a lighthouse')).toMatchObject({ status: 0 });
  expect(await here.run('export', 'last', '-o', recording)).toMatchObject({ status: 0 });
}, 120_000);
afterAll(here.remove);

describe('forks and tests from the command line', { timeout: 90_000 }, () => {
  const patch = join(here.dataDir, '../patch.json');

  it('are previewed, made with a patch from a file and recorded answers, shown as a tree, and kept', async () => {
    const [parent] = (await here.run('runs', '--json')).json;
    const id = String(parent!['test_run_id']);
    const preview = await here.run('fork', id, '--from', '8e', '--preview');
    expect(preview).toMatchObject({ status: 0, out: expect.stringMatching(/reuses +1 2 3 4 5 6 7 8a 8b 8c 8d\nenters +8 Call Edge Function\nexecutes +8e 9 /) });
    expect(preview.out).toMatch(/costs +none in test mode, 0 credits otherwise.*; 1 call to the provider; .* costs 1 credit an image/);
    expect(preview.out).toMatch(/outside +8e Provider API Call would happen again, and needs your leave/);
    expect((await here.run('runs', '--json')).json).toHaveLength(1);

    writeFileSync(patch, JSON.stringify([{ op: 'replace', path: '/input/prompt', value: 'a windmill' }]));
    expect(await here.run('fork', id, '--from', '8e', '--patch', `@${patch}`)).toMatchObject({ status: 2, err: expect.stringContaining('--effects recorded') });
    expect(await here.run('fork', id, '--from', '8e', '--patch', `@${patch}`, '--effects', 'recorded')).toMatchObject({ status: 0 });

    const tree = await here.run('runs', '--tree');
    expect(tree.out).toMatch(new RegExp(`${id} .*\\n└─ [0-9a-f-]{36} .*from call_edge_function.provider_api_call, 1 edit\\n$`));
    expect(await here.run('promote', id)).toMatchObject({ status: 0, out: expect.stringContaining('Test regression_generate_content_ok keeps run') });
    expect((await here.run('tests', '--json')).json).toMatchObject([{ test_name: 'regression_generate_content_ok', source_run_id: id }]);
    expect((await here.run('tests')).out).toMatch(/regression_generate_content_ok +generate-content +completed/);
  });
});

describe('a recording in a file', { timeout: 90_000 }, () => {
  const elsewhere = installation();
  const changed = join(here.dataDir, '../changed.js');
  afterAll(elsewhere.remove);

  it('is replayed without a backend, and exits 0 when nothing differs', async () => {
    const { status, out, err } = await elsewhere.run('replay', recording);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/generate-content, run [0-9a-f-]{36}, by .*: as recorded, 27 steps, \d+ recorded answers\n$/);
    expect((await elsewhere.run('status')).status).toBe(3);
  });

  it('exits 1 where the code of today does something else, and names step, path and source', async () => {
    await here.run('run', pipelineFile);
    const greeted = (await here.run('runs', '--json', '--limit', '1')).json[0]!['test_run_id'] as string;
    writeFileSync(changed, readFileSync(pipelineFile, 'utf8').replace('toUpperCase()', "toUpperCase() + '!'"));
    const { status, out } = await here.run('replay', greeted, '--pipeline', changed);
    expect(status).toBe(1);
    expect(out).toMatch(/differs\n\nstep 2 \S.*: outputs \/shouted {2}its source changed\n {2}expected "HELLO ADA"\n {2}actual {3}"HELLO ADA!"\n\nSource changed since: 2 /);
    const { json } = await here.run('replay', greeted, '--pipeline', changed, '--json');
    expect(json[0]).toMatchObject({ divergences: [{ step: { key: 'shout' }, what: 'outputs', path: '/shouted' }], changed: [{ key: 'shout' }] });
  });

  it.each([
    [['replay', './no-such-file.ndjson'], /no file .*no-such-file\.ndjson/],
    [['replay', pipelineFile], /greet\.js/],
    [['fork', 'last', '--from', '2', '--patch', '{}'], /name a file as @FILE/],
    [['fork', 'last', '--from', '2', '--effects', 'never'], /Allowed choices are ask, repeat, recorded/],
  ])('or a fork that is asked for wrongly is refused: %j', async (args, words) => {
    const { status, err } = await here.run(...args);
    expect(status).toBe(2);
    expect(err).toMatch(words);
  });
});
