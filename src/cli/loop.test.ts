import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openScreen } from '../tools/terminal-screen.ts';
import type { TerminalScreen } from '../tools/terminal-screen.ts';
import { finalRunStatuses } from '../protocol/vocabulary.ts';
import { buildProgram, installation, program } from './testing.ts';

const enter = '\r';
const down = '\u001b[B';
const end = '\u001b[F';
const backspace = '\u007f';
const save = '\u0018';

/** Everything here happens in a pseudo-terminal of 80×24, with the built program and its detached backend. */
describe('debugging in a terminal of 80×24', { timeout: 120_000 }, () => {
  const here = installation({ STEPSCOPE_SIMULATE: 'latency=0.05' });
  const screens: TerminalScreen[] = [];
  beforeAll(buildProgram, 120_000);
  afterEach(() => screens.splice(0).forEach((screen) => screen.kill('SIGKILL')));
  afterAll(here.remove);

  function open(env: Record<string, string> = {}, columns = 80, rows = 24): TerminalScreen {
    const screen = openScreen({ command: process.execPath, args: [program], columns, rows, env: { ...here.env, ...env } });
    screens.push(screen);
    return screen;
  }

  async function stepsOf(run: Record<string, unknown>): Promise<readonly Record<string, unknown>[]> {
    return (await here.run('show', String(run['test_run_id']), '--json')).json.slice(1);
  }

  /** One after the other, each when its effect can be seen. */
  async function type(screen: TerminalScreen, ...strokes: readonly (readonly [keys: string, shows: string | RegExp])[]): Promise<void> {
    for (const [keys, shows] of strokes) {
      screen.press(keys);
      await screen.shows(shows);
    }
  }

  it('pauses before step 7, reads a diff, edits an input, reruns from 7 and finds both runs in the history', async () => {
    const screen = open();
    await screen.shows('No runs yet');
    // The form of a new run: up twice from the prompt is how it starts.
    await type(screen, ['N', 'New run'], ['\u001b[A\u001b[A\u001b[C', 'step by step'], [enter, 'held before 1 Load Model']);
    await type(screen, ['1', /7 +Prepare API Payload/], ['jjjjjj', /› +· 7 /], ['C', 'held before 7 Prepare API Payload']);

    await type(screen, ['d', /7 is held; this is what 6 changed\.[\s\S]*\+ \/job .*queued/]);
    await type(screen, ['i', 'Inputs of 7'], [down.repeat(4) + end + backspace.repeat(4) + '512,', '"width": 512,'], [save, 'EDITED']);
    await type(screen, ['3', 'width: 512'], ['r', /for the first time: 8e/], [enter, /rerun of [0-9a-f]{6}/]);
    await screen.shows(/COMPLETED/);

    await type(screen, ['q', /RUN +PIPELINE/]);
    await screen.shows(/completed[^\n]*\n[^\n]*paused/);

    const [fork, parent] = (await here.run('runs', '--json')).json;
    expect([fork, parent].map((run) => run!['status'])).toEqual(['completed', 'paused']);
    expect(fork).toMatchObject({ parent_run_id: parent!['test_run_id'], forked_from_step: 'prepare_api_payload' });
    const reused = (await stepsOf(fork!)).filter((step) => step['status'] === 'reused');
    expect(reused.map((step) => step['display'])).toEqual(['1', '2', '3', '4', '5', '6']);
    expect((await stepsOf(parent!)).find((step) => step['display'] === '7')).toMatchObject({ status: 'held', is_edited: true });
    expect(await here.run('show', 'last', '--step', '7', '--json')).toMatchObject({ out: expect.stringContaining('"width":512') });
  });

  it('finds everything again after leaving, and reruns an ended run from an edited step', async () => {
    const first = open();
    await first.shows(/completed/);
    // The first run still stands where this person has left it.
    await type(first, ['q', 'is held because you paused it']);
    first.press('q');
    await first.exited;

    const screen = open();
    await screen.shows(/completed[^\n]*\n[^\n]*paused/);
    await type(screen, [enter, 'COMPLETED'], ['1', /15 +UI Update/], ['g' + 'j'.repeat(6), /› ✔ 7 /], ['i', 'Inputs of 7']);
    await type(screen, [down.repeat(5) + end + backspace.repeat(4) + '640,', '"height": 640,'], [save, 'DRAFT']);
    await type(screen, ['r', 'Rerun from here'], ['y', '›let them happen'], [enter, /rerun of [0-9a-f]{6}/], ['', /COMPLETED/]);

    const [fork] = (await here.run('runs', '--json')).json;
    expect(fork).toMatchObject({ status: 'completed', fork_patch: [{ op: 'replace', path: '/parameters/height', value: 640 }] });
    expect((await stepsOf(fork!)).find((step) => step['display'] === '7')).toMatchObject({ status: 'completed', is_edited: true });
  });

  it.each(['SIGKILL', 'SIGHUP'] as const)('lets the run end as if nothing had happened when the terminal gets %s', async (signal) => {
    const screen = open({ STEPSCOPE_SIMULATE: 'latency=1' });
    await screen.shows(/No runs yet|RUN +PIPELINE/);
    await type(screen, ['n', /RUNNING/]);
    screen.kill(signal);
    await screen.exited;
    await vi.waitFor(
      async () => {
        const [run] = (await here.run('runs', '--json', '--limit', '1')).json;
        expect(finalRunStatuses.has(run!['status'] as never)).toBe(true);
        expect(run).toMatchObject({ status: 'completed', completed_steps: 15 });
      },
      { timeout: 30_000, interval: 200 },
    );
  });

  it('shows a second terminal the same run, live', async () => {
    const [first, second] = [open(), open({}, 160, 50)];
    await Promise.all([first.shows(/No runs yet|RUN +PIPELINE/), second.shows(/No runs yet|RUN +PIPELINE/)]);
    await type(first, ['n', /generate-content [0-9a-f]{6}/]);
    const id = /generate-content ([0-9a-f]{6})/.exec(first.text())![1]!;
    await second.shows(id);
    await second.shows(new RegExp(`completed +${id}`));
  });

  it('says in one line that a terminal of 20×5 is too small, and shows everything once it grows', async () => {
    const screen = open({}, 20, 5);
    await screen.shows(/small|larger|40/);
    expect(screen.text().split('\n').filter((line) => line.trim() !== '')).toHaveLength(1);
    screen.resize(80, 24);
    await screen.shows(/No runs yet|RUN +PIPELINE/);
  });
});
