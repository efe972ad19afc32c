import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, installation } from './testing.ts';

const pipelineFile = join(import.meta.dirname, '../../fixtures/pipelines/careful-steps.ts');

describe('an edit of a fork on the command line', { timeout: 60_000 }, () => {
  const here = installation();
  let folder: string;
  let id: string;
  beforeAll(async () => {
    buildProgram();
    folder = mkdtempSync(join(tmpdir(), 'stepscope-fork-'));
    await here.start('backend').says(/listening on/);
    await here.start('runner', pipelineFile).says(/Runs alone/);
    [, id] = (await here.start('run', 'asking', '--input', `file=${join(folder, 'ran')}`).says(/approve ([0-9a-f-]{36})/)) as unknown as [string, string];
  }, 120_000);
  afterAll(async () => {
    await here.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('of inputs that were not recorded is refused with the nearest step that has some', async () => {
    const refused = await here.run('fork', id, '--from', 'four', '--set', 'width=1', '--preview');
    expect(refused).toMatchObject({ status: 2, err: expect.stringContaining('step 3 Four has no recorded inputs to change') as string });
    expect(refused.err).toMatch(/nearest earlier step that has them/);
  });

  it('of the whole value is told as that, and must leave an object', async () => {
    const patch = (value: unknown): string => {
      const file = join(folder, 'patch.json');
      writeFileSync(file, JSON.stringify(value));
      return `@${file}`;
    };
    const whole = await here.run('fork', id, '--from', 'one', '--preview', '--patch', patch([{ op: 'replace', path: '', value: { file: '/dev/null', waitMs: 1 } }]));
    expect(whole).toMatchObject({ status: 0, out: expect.stringMatching(/edits +replace the whole value/) as string });
    for (const edit of [{ op: 'replace', path: '', value: 3 }, { op: 'remove', path: '' }]) {
      expect(await here.run('fork', id, '--from', 'one', '--preview', '--patch', patch([edit]))).toMatchObject({ status: 2, err: expect.stringContaining('must be an object') as string });
    }
  });

  it('without what it needs names the help of that command', async () => {
    expect((await here.run('fork', id)).err).toContain('See `stepscope fork --help`.');
    expect((await here.run('reject', id)).err).toContain('See `stepscope reject --help`.');
    expect((await here.run('session', 'join', '--nonsense')).err).toContain('See `stepscope session join --help`.');
  });
});
