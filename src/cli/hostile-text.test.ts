import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, installation } from './testing.ts';
import type { Outcome } from './testing.ts';

const pipelineFile = join(import.meta.dirname, '../../fixtures/pipelines/hostile-names.ts');
const red = '\u001B[31m';

/** All that the program wrote, on both outputs. */
const written = ({ out, err }: Outcome): string => out + err;
// oxlint-disable-next-line no-control-regex -- these are what must not be there
const obeyed = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/;

describe('text from outside that a command writes', { timeout: 120_000 }, () => {
  const here = installation();
  let id: string;
  let ended: string;
  beforeAll(async () => {
    buildProgram();
    await here.start('backend').says(/listening on/);
    await here.start('runner', pipelineFile).says(/Runs hostile/);
    const refused = here.start('run', 'hostile');
    [, ended] = (await refused.says(/approve ([0-9a-f-]{36})/)) as unknown as [string, string];
    expect(written(await here.run('reject', ended, '--why', `no ${red}`))).not.toMatch(obeyed);
    expect(written(await refused.outcome)).not.toMatch(obeyed);
    [, id] = (await here.start('run', 'hostile').says(/approve ([0-9a-f-]{36})/)) as unknown as [string, string];
  }, 120_000);
  afterAll(async () => await here.remove());

  it('is obeyed by no terminal, whichever command it is', async () => {
    const calls: readonly (readonly string[])[] = [
      ['resume', id], ['step', id], ['pause', id], ['show', id], ['show', id, 'look'], ['show', id, '2'], ['tail', ended], ['runs'], ['status'], ['pipelines'], ['pipelines', 'hostile'],
      ['approvals', '--all'], ['fork', id, '--from', '3', '--preview'], ['fork', id, '--from', '3'], ['fork', id, '--from', `4${red}`, '--preview'],
      ['promote', ended, '--name', `x${red}`], ['tests'], ['perf', 'hostile'], ['perf', ended], ['compare', ended, id], ['bookmark', ended, `mark${red}`],
      ['comment', ended, `said${red}`], ['show', ended], ['break', 'hostile', '1', '--log', `here ${red}`], ['break', '--list'], ['break', 'hostile', `*${red}*`], ['break', 'hostile', '--remove', '1'],
      ['watch', 'hostile', `outputs[${red}`], ['show', `y${red}`], [`z${red}`], ['show', `--no${red}`], ['run', `w${red}`], ['run', 'hostile', '--input', `q${red}=1`], ['--profile', `p${red}`, 'runs'],
      ['open', `f${red}.ndjson`], ['replay', `f${red}.ndjson`], ['import', `f${red}.ndjson`], ['approve', id], ['session', 'begin', `s${red}`], ['session'],
    ];
    for (const call of calls) expect(written(await here.run(...call)), call.join(' ')).not.toMatch(obeyed);
  });

  it('is JSON without control characters with --json', async () => {
    for (const call of [['show', ended], ['runs'], ['approvals', '--all'], ['pipelines'], ['tail', ended]]) {
      const outcome = await here.run(...call, '--json');
      expect(outcome.json.length, call.join(' ')).toBeGreaterThan(0);
      expect(written(outcome), call.join(' ')).not.toMatch(obeyed);
    }
  });
});

describe('colours', { timeout: 60_000 }, () => {
  const here = installation({ FORCE_COLOR: '1' });
  afterAll(async () => await here.remove());

  it('are ours alone', async () => {
    const { err } = await here.run('replay', `no${red}.ndjson`);
    expect(err).toContain('\u001B[31merror:\u001B[39m');
    expect(err).toContain('no␛[31m.ndjson');
  });
});
