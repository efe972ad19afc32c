import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildProgram, installation } from './testing.ts';
import type { Installation } from './testing.ts';

vi.setConfig({ testTimeout: 120_000 });

let here: Installation;
const withPrompt = ['--input', 'prompt=a red fox'];

beforeAll(async () => {
  buildProgram();
  here = installation();
  const backend = here.start('serve', '--port', '0');
  await backend.says(/http/);
}, 120_000);
afterAll(async () => await here.remove());

describe('a breakpoint on the command line', () => {
  it('holds runs after a step where its condition holds, and says why', async () => {
    const set = await here.run('break', 'generate-content', '4', '--after', '--if', 'outputs.cost.credits >= 1', '--hits', '1');
    expect(set).toMatchObject({ status: 0, err: expect.stringMatching(/^Breakpoint #1: after 4 .*, if outputs\.cost\.credits >= 1, from hit 1 on\n$/) });
    expect(await here.run('watch', 'generate-content', 'state.cost.credits')).toMatchObject({ status: 0, err: 'Watch #1: state.cost.credits\n' });
    const run = here.start('run', 'generate-content', ...withPrompt);
    const [notice] = await run.says(/Held after 4 .*\n/);
    expect(notice).toMatch(/\(breakpoint #1: outputs\.cost\.credits = \d+\)/);
    expect((await here.run('show')).out).toMatch(/paused +after 4, breakpoint #1: outputs\.cost\.credits = \d+/);
    const watched = await here.run('show', '--watch');
    expect(watched.out).toMatch(/STEP +NAME +state\.cost\.credits/);
    expect(watched.out).toMatch(/^3 .* –$/m);
    expect(watched.out).toMatch(/^4 .* \d+$/m);
    expect((await here.run('show', '--watch', 'step.display', '--json')).json.at(-1)).toMatchObject({ watches: { 'step.display': '4' } });
    expect(await here.run('resume')).toMatchObject({ status: 0 });
    expect(await run.outcome).toMatchObject({ status: 0 });
    expect((await here.run('watch', 'generate-content', '--remove', '1')).err).toBe('Removed watch #1: state.cost.credits\n');
  });

  it('of each kind is listed, switched off and on, and removed by its number', async () => {
    const sets: readonly (readonly string[])[] = [
      ['--on', 'error', '--if', 'error.message.contains("quota")'],
      ['--on', 'level:warn'],
      ['--on', 'slow:500ms'],
      ['8e', '--on', 'slow'],
      ['--on', 'cost:5', '--approve'],
      ['--on', 'path:/image'],
      ['8.*', '--log', 'at {step.display}'],
    ];
    for (const words of sets) expect(await here.run('break', 'generate-content', ...words)).toMatchObject({ status: 0 });
    const { out } = await here.run('break', '--list');
    for (const words of ['on error, if error.message', 'at a line of level warn or above', 'when a step runs longer than 500 ms', 'when 8e Provider API Call runs longer than 95 of 100', 'when 5 credits are charged, asks for approval', 'when /image changes', 'before 8.*, logs "at {step.display}"']) {
      expect(out).toContain(words);
    }
    expect((await here.run('break', 'generate-content', '--disable', '3')).err).toBe('Breakpoint #3 is off: at a line of level warn or above\n');
    expect((await here.run('break', 'list', 'generate-content')).out).toMatch(/generate-content +3 +no /);
    expect((await here.run('break', 'generate-content', '--enable', '3')).err).toMatch(/Breakpoint #3 is on/);
    expect((await here.run('break', 'generate-content', '--remove', '7')).err).toBe('Removed breakpoint #7: when /image changes\n');
    expect((await here.run('break', 'generate-content', '--remove', '7')).err).toMatch(/has no breakpoint #7\nThere is #1 /);
  });

  it('that could never be met is refused with its place; one that means no step is doubted', async () => {
    const refused = await here.run('break', 'generate-content', '8e', '--if', 'outputs.width = 4096');
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.err.split('\n')).toEqual([
      'error: unexpected character: = (at character 15)',
      '  outputs.width = 4096',
      '                ^',
      'Equal is written ==',
      '',
    ]);
    expect(await here.run('watch', 'generate-content', 'outputs.')).toMatchObject({ status: 2, err: expect.stringContaining('          ^') });
    expect(await here.run('break', 'generate-content', '8e', '--hits', 'often')).toMatchObject({ status: 2 });
    for (const name of ['--if', '--log', '--hits']) {
      expect(await here.run('break', 'generate-content', '8e', name, '')).toMatchObject({ status: 2, err: expect.stringContaining(`${name} is empty`) });
    }
    expect(await here.run('break', 'generate-content', '--if', 'true')).toMatchObject({ status: 2, err: expect.stringContaining('--if needs to know where') });
    expect(await here.run('break', 'generate-content', '--on', 'sunday')).toMatchObject({ status: 2 });
    const doubtful = await here.run('break', 'generate-content', '*nowhere*');
    expect(doubtful).toMatchObject({ status: 0, err: expect.stringContaining('warning: no step of the pipeline is *nowhere*; the steps are 1, 2') });
  });
});
