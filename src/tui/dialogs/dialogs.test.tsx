import { describe, expect, it } from 'vitest';
import { helpEntries } from './help.ts';
import { breakpointRow, heldRun, keys, listed, modelRows, openTerminal, opened, runId, runRow, stepRow } from '../testing.tsx';

describe('the list of runs', () => {
  it('says what to do when it is empty, and starts the bundled pipeline with one key', () => {
    const terminal = openTerminal({}, listed);
    expect(terminal.screen()).toContain('No runs yet.');
    expect(terminal.screen()).toContain('runs generate-content');
    terminal.press('\r');
    expect(terminal.effects).toMatchObject([{ type: 'start', request: { pipeline: 'generate-content', model: 'flux', inputs: { prompt: 'a lighthouse at dusk' }, billing: 'test' } }]);
    terminal.press('n');
    expect(terminal.effects).toHaveLength(1);
  });

  it('shows status, model, duration, bookmark and age, and the error of the selected run', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: [
      runRow({ status: 'completed', total_duration_ms: 4_200, bookmarked: true, bookmark_name: 'baseline', completed_steps: 6 }),
      runRow({ id: 'b', test_run_id: '019578a1-0000-7000-8000-00000000bbb2', status: 'failed', failed_step: 'storage_upload', error_message: 'quota exceeded', created_at: '2026-03-01T11:00:00.000Z', started_at: '2026-03-01T11:00:00.000Z' }),
    ] } });
    terminal.press('j');
    expect(terminal.screen().split('\n').filter((row) => row !== '').join('\n')).toMatchInlineSnapshot(`
      " stepscope  2 runs                                                         live
       1 runs 2 logs 3 compared 4 sessions 5 times 6 breakpoints 7 settings ━━━━━━━━━━
        STATUS        RUN    PIPELINE         MODEL         STEPS  ELAPSED    STARTED
        ✔ completed   00abc1 ★ baseline       FLUX.1 Schne…   6/6    4.2 s   just now
      › ✘ failed      00bbb2 generate-content FLUX.1 Schne…   0/6   1h 00m    1 h ago
       ✘ 5 Storage Upload: quota exceeded
       Enter open  n new run  N choose & run  m bookmark  f filter    ? help  q leave"
    `);
  });

  it('narrows to words, status, tag and bookmark, and keeps the selection when newer runs arrive', () => {
    const other = '019578a1-0000-7000-8000-00000000bbb2';
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: [runRow({ tags: ['night'] }), runRow({ id: 'b', test_run_id: other, status: 'failed', created_at: '2026-03-01T11:00:00.000Z' })] } });
    terminal.press('j', 'f', 'status:failed\r');
    expect(terminal.screen()).toContain('00bbb2');
    expect(terminal.screen()).not.toContain('00abc1');
    terminal.press(keys.esc, 'f', 'tag:night\r');
    expect(terminal.screen()).not.toContain('00bbb2');
    terminal.press(keys.esc);
    terminal.send({ type: 'listed', rows: { runs: [runRow({ id: 'c', test_run_id: '019578a1-0000-7000-8000-00000000ccc3', created_at: '2026-03-01T13:00:00.000Z' })] } });
    terminal.press('\r');
    expect(terminal.state().open?.runId).toBe(other);
  });

  it('bookmarks with name, tags and notes', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: [runRow()] } });
    terminal.press('m', 'lighthouse', keys.tab, 'flux, works,flux', keys.tab, 'good baseline\r');
    expect(terminal.effects).toEqual([{ type: 'annotate', runId, marks: { bookmarked: true, bookmarkName: 'lighthouse', tags: ['flux', 'works'], notes: 'good baseline' } }]);
  });

  it('leaves at once on q, unless a run is held by us', () => {
    const free = openTerminal({}, listed);
    free.press('q');
    expect(free.effects).toEqual([{ type: 'exit' }]);
    const held = openTerminal({}, listed, { type: 'listed', rows: { runs: [runRow({ status: 'paused', paused_by: 'local@stepscope' })] } });
    held.press('q');
    expect(held.effects).toEqual([]);
    expect(held.screen()).toContain('is held because you paused it');
    held.press('\r');
    expect(held.effects).toEqual([{ type: 'exit' }]);
  });

  it('leaves on Ctrl-c only twice within two seconds', () => {
    const terminal = openTerminal({}, listed);
    terminal.press(keys.ctrlC);
    terminal.later(2_500);
    terminal.press(keys.ctrlC);
    expect(terminal.effects).toEqual([]);
    terminal.press(keys.ctrlC);
    expect(terminal.effects).toEqual([{ type: 'exit' }]);
  });
});

describe('choosing a run before it starts', () => {
  const open = () => {
    const terminal = openTerminal({}, listed, { type: 'modelsLoaded', models: modelRows });
    terminal.press('N');
    return terminal;
  };

  it('offers every model, active or not, with provider, kind and cost', () => {
    const terminal = open();
    expect(terminal.screen()).toContain('replicate, image, 3 credits');
    terminal.press(keys.up, keys.up, keys.up, keys.right);
    expect(terminal.screen()).toContain('Old Model');
    expect(terminal.screen()).toContain('inactive');
  });

  it('lets failures be tried while the simulator answers', () => {
    const terminal = open();
    terminal.press(keys.up, keys.up, keys.up, keys.up, keys.right, keys.right);
    expect(terminal.screen()).toContain('< fail >');
    expect(terminal.screen()).toContain('the prediction fails: "NSFW content detected.');
    terminal.press('\r');
    expect(terminal.effects.filter((effect) => effect.type === 'start')).toMatchObject([{ request: { options: { provider: 'simulator', simulate: 'fail' } } }]);
    terminal.press(keys.up, keys.right);
    expect(terminal.screen()).toContain('< replicate >');
    expect(terminal.screen()).not.toContain('Simulate');
    terminal.press(keys.right);
    expect(terminal.screen()).toContain('Simulate');
  });

  it('types values by their schema and starts with them', () => {
    const terminal = open();
    terminal.press(keys.ctrlU, 'a boat', keys.tab, keys.ctrlU, '768\r');
    expect(terminal.effects.filter((effect) => effect.type === 'start')).toMatchObject([{ request: { inputs: { prompt: 'a boat', width: 768 } } }]);
  });

  it('says beside the field what does not fit, before anything runs', () => {
    const terminal = open();
    terminal.press(keys.tab, keys.ctrlU, '-1\r');
    expect(terminal.screen()).toContain('must be at least 64');
    terminal.press(keys.ctrlU, '512', keys.up, keys.ctrlU, '\r');
    expect(terminal.screen()).toContain('is missing');
    expect(terminal.effects.filter((effect) => effect.type === 'start')).toEqual([]);
  });
});

describe('help and commands', () => {
  it.each(['theme', 'set', 'preset', 'bind', 'picture', 'bytes', 'at', 'comment', 'break', ':filter'])('finds `%s` in the help as a command, and Enter begins to type it', (name) => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('?', name);
    const bare = name.replace(':', '');
    const overlay = terminal.state().overlays.at(-1);
    if (overlay?.type !== 'help') throw new Error('the help is not open');
    const at = helpEntries(terminal.state(), overlay).findIndex((one) => one.type === 'command' && one.name === bare);
    terminal.press(...Array.from({ length: at }, () => keys.down));
    expect(terminal.screen()).toContain('Typed after :');
    expect(terminal.screen()).toContain(` :${bare}`);
    terminal.press('\r');
    expect(terminal.state().overlays).toMatchObject([{ type: 'prompt', purpose: 'command', text: `${bare} `, at: bare.length + 1 }]);
  });

  it('finds a key by what it does, says why it does nothing, and runs it on Enter', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('?', 'pause before');
    expect(terminal.screen()).toContain('Pause before the next step, or resume.');
    terminal.press('\r');
    expect(terminal.effects).toContainEqual({ type: 'command', runId, verb: 'continue', payload: {} });
  });

  it('takes the commands of the command line, completes them, and names the closest', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':', 'pause\r');
    expect(terminal.screen()).toContain('The run is paused already');
    terminal.press(':', 'unt', keys.tab, '6\r');
    expect(terminal.effects).toContainEqual({ type: 'command', runId, verb: 'runTo', payload: { step: 'ui_update' } });
    terminal.press(':', 'pasue\r');
    expect(terminal.screen()).toContain('There is no command "pasue". Did you mean `pause`?');
    terminal.press(':', 'break 9z\r');
    expect(terminal.screen()).toContain('No step "9z"');
  });

  it('lists breakpoints, switches and removes them, and stops on errors', () => {
    const terminal = openTerminal({}, ...heldRun(), { type: 'listed', rows: { breakpoints: [breakpointRow({ id: 'b1' })] } });
    terminal.press('B');
    expect(terminal.screen()).toContain('before 5 Storage Upload');
    terminal.press(' ', 'd', 'e');
    expect(terminal.effects.slice(-3)).toEqual([
      { type: 'setBreakpoint', id: 'b1', enabled: false },
      { type: 'removeBreakpoint', id: 'b1' },
      { type: 'addBreakpoint', pipelineKey: 'generate-content', kind: 'error', target: null },
    ]);
  });

  it('never says that something was copied', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('yr');
    expect(terminal.effects).toContainEqual({ type: 'copy', text: runId, what: 'run id' });
    terminal.press('yl');
    expect(terminal.effects).toContainEqual({ type: 'copy', text: 'slow answer', what: 'line' });
  });

  it('writes the log that is shown as text', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('Y');
    const [written] = terminal.effects.filter((effect) => effect.type === 'writeFile');
    expect(written?.fileName).toBe('stepscope-00abc1.log');
    expect(written?.text.split('\n')).toHaveLength(3);
  });
});

it('says in the form of a new run what the choice of billing charges', () => {
  const terminal = openTerminal({}, listed, { type: 'modelsLoaded', models: modelRows });
  terminal.press('N', keys.up);
  expect(terminal.screen()).toContain('test: nothing is charged');
  terminal.press(keys.right);
  expect(terminal.screen()).toContain('enforced: charges 3 credits per output');
});

describe('a backend that cannot be reached', () => {
  it('is a screen with what, why and what to try', () => {
    const terminal = openTerminal({}, { type: 'connectFailed', message: 'nobody answers at http://127.0.0.1:8000', hint: 'Start one with `stepscope serve`.' });
    expect(terminal.screen().split('\n').slice(0, 9).join('\n')).toMatchInlineSnapshot(`
      " stepscope                                                                 live

       ✘ The backend cannot be reached.

         nobody answers at http://127.0.0.1:8000

         Start one with \`stepscope serve\`.

         Press r to try again, q to leave. \`stepscope doctor\` looks for causes."
    `);
    terminal.press('r');
    expect(terminal.effects).toEqual([{ type: 'connect' }]);
  });

  it('shows a lost link with the time to the next attempt, and what is known stays', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model')));
    terminal.send({ type: 'runLink', runId, link: { state: 'lost', reason: 'closed', retryInMs: 3_000 } });
    expect(terminal.screen()).toContain('lost, next 3 s');
    expect(terminal.screen()).toContain('✔1');
  });
});
