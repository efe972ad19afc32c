import { describe, expect, it } from 'vitest';
import { commandPreview, completeCommand } from './command.ts';
import { breakpointRow, commandRow, heldRun, keys, listed, modelRows, openTerminal, opened, runId, runRow, snapshotOf, stepRow, type TestTerminal } from '../testing.tsx';

const other = '019578a1-0000-7000-8000-00000000bbb2';
const otherRun = runRow({ id: other, test_run_id: other, status: 'paused', created_at: '2026-03-01T11:00:00.000Z' });
const list = () => openTerminal({}, listed, { type: 'modelsLoaded', models: modelRows }, { type: 'listed', rows: { runs: [runRow({ status: 'paused' }), otherRun], breakpoints: [breakpointRow({ id: 'b1' })] } });
const held = () => openTerminal({}, ...heldRun(), { type: 'listed', rows: { runs: [otherRun], breakpoints: [breakpointRow({ id: 'b1' })] } });
const started = (terminal: TestTerminal) => terminal.effects.flatMap((effect) => (effect.type === 'start' ? [effect.request] : []));
const sent = (terminal: TestTerminal) => terminal.effects.flatMap((effect) => (effect.type === 'command' ? [[effect.runId, effect.verb, effect.payload]] : []));

describe('the command line in the terminal', () => {
  it('starts a run with the options of the command line', () => {
    const terminal = list();
    terminal.press(':', 'run generate-content --simulate "fail:out of memory" --input prompt="a boat at sea" -i width=768 --mode=step --break 4b --tag night --billing enforced --model old', '\r');
    expect(started(terminal)).toMatchObject([{
      pipeline: 'generate-content', inputs: { prompt: 'a boat at sea', width: 768 }, mode: 'step', tags: ['night'], billing: 'enforced', model: 'old',
      options: { simulate: 'fail:out of memory', breakAt: ['call_edge_function.provider_api_call'] },
    }]);
  });

  it('starts with the example inputs where none are typed', () => {
    const terminal = list();
    terminal.press(':', 'stepscope run generate-content\r');
    expect(started(terminal)).toMatchObject([{ inputs: { prompt: 'a lighthouse at dusk' }, mode: 'auto', model: 'flux' }]);
  });

  it.each([
    ['run generate-content --simulat fail', 'Did you mean `--simulate`?'],
    ['run generate-content --simulate fial', 'Did you mean `fail`?'],
    ['run generate-content --mode fast', 'It can be auto or step'],
    ['run generate-content --input', '--input needs NAME=VALUE'],
    ['run generate-content --input prompt', 'write it as name=value'],
    ['run generate-content --input @file', 'inputs are not read from files here'],
    ['run generate-contant', 'Did you mean `generate-content`?'],
    ['run ./mine.ts', '`stepscope run FILE` runs it'],
    ['doctor', 'type `stepscope doctor`'],
    ['replay last --all', 'type `stepscope replay last --all`'],
    ['stepscope export last --format har -o a.har', 'type `stepscope export last --format har -o a.har`'],
    ['perf generate-content', 'type `stepscope perf generate-content`'],
    ['runs --tree', 'type `stepscope runs --tree`'],
    ['runs --json', '--json is for a shell'],
    ['config colour', 'config can get, set'],
    ['config get them', 'Did you mean'],
    ['resume zzzz9', 'No run "zzzz9" in the list'],
    ['pause', 'No run is open'],
    ['fork last --from 3', 'Open it first: show last'],
    ['break rm generate-content 9', 'No breakpoint 9'],
    ['preset emcas', 'Preset cannot be "emcas"'],
    ['bind log.nextEror x', 'Did you mean `log.nextError`'],
    ['bind runs.start f', 'f is runs.filter in the list of runs'],
    ['log.freze', 'Did you mean'],
    ['action log.freze', 'Did you mean `log.freeze`'],
  ])('says of `%s` what is wrong: %s', (typed, words) => {
    const terminal = openTerminal({ size: { columns: 200, rows: 24 } }, listed, { type: 'listed', rows: { runs: [runRow({ status: 'paused' })] } });
    terminal.press(':', `${typed}\r`);
    expect(terminal.state().notice?.text.toLowerCase()).toContain(words.toLowerCase());
    expect(started(terminal)).toEqual([]);
  });

  const names = () => {
    const terminal = list();
    terminal.press(':');
    const [overlay] = terminal.state().overlays;
    return commandPreview(terminal.state(), overlay?.type === 'prompt' ? overlay.text : '').text.split('  ');
  };

  it.each(names())('hints at, and completes, anything typed after `%s` without an end of the program', (name) => {
    for (const state of [list().state(), held().state()]) {
      for (const rest of ['', ' ', ' bytes ', ' zz', ' zz ', ' zz zz', ' --', ' --zz ', ' --mode=', ' "', " '", ' = ', ' § ', ' 8e --if ', ' /(', ' __proto__ ', ' constructor x ']) {
        expect(commandPreview(state, `${name}${rest}`).text, rest).not.toBe('');
        expect(completeCommand(state, `${name}${rest}`), rest).toContain(name);
      }
    }
  });

  it('steers runs that are named, and says what became of it', () => {
    const terminal = list();
    terminal.press(':', 'resume last\r');
    terminal.press(':', 'step 00bbb2 --in\r');
    terminal.press(':', 'resume 00bbb2 --to 5\r');
    terminal.press(':', 'cancel 00bbb2\r');
    expect(sent(terminal)).toEqual([[runId, 'continue', {}], [other, 'stepIn', {}], [other, 'runTo', { step: 'storage_upload' }], [other, 'cancel', {}]]);
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'continue', test_run_id: other }) });
    expect(terminal.screen()).toContain('Run 00bbb2 resumes.');
  });

  it('means the open run where none is named', () => {
    const terminal = held();
    terminal.press(':', 'step --out\r');
    terminal.press(':', 'pause --before 6\r');
    terminal.press(':', 'resume --to ui_update\r');
    expect(sent(terminal)).toEqual([[runId, 'stepOut', {}], [runId, 'pause', { step: 'ui_update' }], [runId, 'runTo', { step: 'ui_update' }]]);
  });

  it('sets, lists and removes breakpoints', () => {
    const terminal = list();
    terminal.press(':', 'break add generate-content 4b\r');
    terminal.press(':', 'break add generate-content error\r');
    terminal.press(':', 'break rm generate-content 1\r');
    expect(terminal.effects).toMatchObject([
      { type: 'write', write: { kind: 'addBreakpoint', fields: { kind: 'step', target: 'call_edge_function.provider_api_call' } } },
      { type: 'write', write: { kind: 'addBreakpoint', fields: { kind: 'error', target: null } } },
      { type: 'removeBreakpoint', id: 'b1' },
    ]);
    terminal.press(':', 'break list generate-content\r');
    expect(terminal.screen()).toContain('breakpoints and watches of generate-content');
  });

  it('takes every option that a breakpoint has on the command line', () => {
    const terminal = held();
    const fields = (typed: string): readonly unknown[] => {
      const before = terminal.effects.length;
      terminal.press(':', `${typed}\r`);
      return terminal.effects.slice(before).flatMap<unknown>((effect) => (effect.type === 'write' && effect.write.kind === 'addBreakpoint' ? [effect.write.fields] : [effect.type]));
    };
    expect(fields("break generate-content 4b --after --if 'outputs.width > 4096'")).toMatchObject([{ kind: 'step', target: 'call_edge_function.provider_api_call', moment: 'after', condition: 'outputs.width > 4096' }]);
    expect(fields("break 5 --hits '% 5' --log 'width {outputs.width}'")).toMatchObject([{ target: 'storage_upload', hitCondition: '% 5', logMessage: 'width {outputs.width}' }]);
    expect(fields('break generate-content --on slow:500ms')).toMatchObject([{ kind: 'slow', target: null, threshold: 500 }]);
    expect(fields('break last 5 --approve')).toMatchObject([{ target: 'storage_upload', needsApproval: true }]);
    expect(fields('break generate-content --disable 1')).toEqual(['setBreakpoint']);
    expect(fields('break --remove 1')).toEqual(['removeBreakpoint']);
    expect(fields("break 5 --if 'outputs.width >'")).toEqual([]);
    expect(terminal.screen()).toContain('The expression ends too early');
    terminal.press(':', "break 5 --if 'outputs.width > 1'");
    expect(terminal.screen()).toContain('sets a breakpoint of generate-content: before 5');
    expect(terminal.screen()).toContain('but before a step there are no outputs yet');
    terminal.press(keys.esc, ':', 'break generate-content --list\r');
    expect(terminal.screen()).toContain('breakpoints and watches of generate-content');
  });

  it('shows a fork with its changes before it starts', () => {
    const terminal = held();
    terminal.press(':', 'fork 00bbb2 --from 3\r');
    expect(terminal.state().overlays).toEqual([]);
    terminal.press(':', 'fork --from 3 --set width=640 --repeat-effects\r');
    terminal.press('\r');
    expect(started(terminal)).toMatchObject([{ options: { repeatEffects: true }, fork: { step: 'validate_inputs', patch: [{ path: '/width', value: 640 }] } }]);
  });

  it('changes a value that was recorded, with the type of its schema', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed' }), stepRow('load_model')), snapshotOf('load_model'));
    terminal.press(':', 'fork 1 --set prompt=12\r', '\r');
    expect(started(terminal)).toMatchObject([{ fork: { step: 'load_model', patch: [{ op: 'replace', path: '/prompt', value: '12' }] } }]);
  });

  it('opens runs, follows their log and narrows the list', () => {
    const terminal = held();
    terminal.press(':', 'tail --filter level>=warn\r');
    expect(terminal.state().open?.log).toMatchObject({ filterText: 'level>=warn', matchCount: 1 });
    terminal.press(':', 'show 00bbb2\r');
    expect(terminal.effects).toContainEqual({ type: 'find', reference: '00bbb2' });
    terminal.press(':', 'runs --status failed --tag night\r');
    expect(terminal.state()).toMatchObject({ open: undefined, home: { filter: 'status=failed tag=night' } });
  });

  it('completes commands, options, their values and runs', () => {
    const complete = (text: string) => {
      const terminal = held();
      terminal.press(':', text, keys.tab);
      const overlay = terminal.state().overlays.at(-1);
      return overlay?.type === 'prompt' ? overlay.text : undefined;
    };
    expect(complete('resu')).toBe('resume ');
    expect(complete('run gen')).toBe('run generate-content');
    expect(complete('run generate-content --si')).toBe('run generate-content --simulate');
    expect(complete('run generate-content --simulate webhook-b')).toBe('run generate-content --simulate webhook-bad-signature');
    expect(complete('run generate-content --simulate=rate')).toBe('run generate-content --simulate=rate-limit');
    expect(complete('resume 00b')).toBe('resume 00bbb2');
    expect(complete('run x --input p')).toBe('run x --input p');
    expect(complete('runs sta')).toBe('runs status=');
    expect(complete('runs status=f')).toBe('runs status=failed');
    expect(complete('runs model=x boo')).toBe('runs model=x bookmarked');
    expect(complete('config set theme li')).toBe('config set theme light');
    expect(complete('break generate-content --on sl')).toBe('break generate-content --on slow');
    expect(complete("break generate-content 5 --if 'a b' --hi")).toBe("break generate-content 5 --if 'a b' --hits");
  });

  it('shows what may follow', () => {
    const terminal = held();
    terminal.press(':', 'run generate-content --simulate ');
    expect(terminal.screen()).toContain('--simulate: ok slow fail create-422');
  });

  it('says before Enter what would be done, or what is wrong and where', () => {
    const terminal = held();
    const said = (text: string) => {
      terminal.press(':', text);
      const rows = terminal.screen().split('\n');
      terminal.press(keys.esc);
      return rows.at(-2);
    };
    expect(said('resume')).toBe(' Enter: sends continue to run 00abc1');
    expect(said('show 00bbb2')).toBe(' Enter: opens run 00bbb2');
    expect(said('run generate-content')).toBe(' Enter: starts a new run of generate-content');
    expect(said('set theme light')).toContain('theme: light');
    expect(said('resume --frm')).toBe(' No option --frm. There is --to');
    expect(said('pause --before 9z')).toContain('9z');
    terminal.press(':', 'bind run.export p');
    expect(terminal.screen()).toContain('p is run.pause in a run');
    terminal.press(keys.esc);
    expect([sent(terminal), started(terminal), terminal.effects.filter((one) => one.type === 'saveSettings')]).toEqual([[], [], []]);
  });

  it('counts before Enter what a filter would leave, and names the screen that would be shown', () => {
    const terminal = held();
    const said = (text: string) => {
      terminal.press(':', text);
      const rows = terminal.screen().split('\n');
      terminal.press(keys.esc);
      return rows.at(-2);
    };
    expect(said('filter level>=warn')).toBe(' Enter: filters the log, 1 of 2 lines pass');
    expect(said('runs status=paused')).toContain('Enter: the list shows');
    expect(said('compare 00abc1 00bbb2')).toMatch(/Enter: shows .*00abc1.*00bbb2/);
    expect(said('tail --all -f --filter level>=warn')).toBe(' Enter: shows logs of everything');
    expect(said("break generate-content 5 --if")).toBe(" --if 'outputs.width > 4096'");
    expect(said("break generate-content 5 --on ")).toContain(' --on: error level:warn slow');
    expect(said('export 00abc1 -o run.json')).toBe(' Enter: writes run.json here');
  });

  it('shows one step, of the open run or of another as soon as it is there', () => {
    const terminal = held();
    terminal.press(':', 'show 00bbb2 --step 4b\r');
    expect(terminal.effects).toContainEqual({ type: 'find', reference: '00bbb2', step: '4b' });
    terminal.press(':', 'show -s 5\r');
    expect(terminal.state().open).toMatchObject({ selected: 'storage_upload', pane: 'detail' });
    terminal.press(':', 'show 00abc1 --step 1\r');
    expect(terminal.state().open).toMatchObject({ selected: 'load_model' });
    terminal.press(':', 'show 00abc1 --step 99\r');
    expect(terminal.screen()).toContain('99');
    terminal.send({ type: 'found', run: otherRun, step: '4b' });
    expect(terminal.state().open).toMatchObject({ runId: other, selected: 'call_edge_function.provider_api_call', pane: 'detail', seekStep: undefined });
    terminal.send({ type: 'found', run: otherRun, step: '99z' });
    expect(terminal.state().open).toMatchObject({ seekStep: '99z' });
    terminal.send({ type: 'runLink', runId: other, link: { state: 'live' } });
    expect(terminal.state()).toMatchObject({ open: { seekStep: undefined }, notice: { text: expect.stringContaining('99z') } });
  });

  it('takes the options of an answer and of a comment for what they are, not for words', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':', 'comment --step 5 too slow\r');
    expect(terminal.effects.filter((one) => one.type === 'write')).toEqual([]);
    expect(terminal.screen()).toContain('stepscope comment --step 5 too slow');
    terminal.press(':', 'approve --why "looks right"\r');
    expect(sent(terminal).map(([, , payload]) => payload)).not.toContainEqual({ why: '--why "looks right"' });
  });

  it('puts a theme on while it is typed; Esc puts back the one that was there', () => {
    const terminal = held();
    const theme = () => terminal.state().settings.values.theme;
    for (const typed of ['theme light', 'set theme light', 'config set theme light']) {
      terminal.press(':', typed);
      expect(theme(), typed).toBe('light');
      terminal.press('x');
      expect(theme(), typed).toBe('dark');
      terminal.press('\x7f');
      expect(theme(), typed).toBe('light');
      terminal.press(keys.esc);
      expect(theme(), typed).toBe('dark');
    }
    expect(terminal.state().settings.origins.theme).toBeUndefined();
    terminal.press(':', 'config set theme light\r');
    expect(theme()).toBe('light');
    expect(terminal.screen()).toContain('theme: light');
    terminal.press(':', 'config bind log.nextError e\r');
    expect(terminal.state().settings.values.bindings).toEqual({ 'log.nextError': ['e'] });
    terminal.press(':', 'config bind log.nextError\r');
    expect(terminal.state().settings.values.bindings).toEqual({});
  });

  it('does what a key does, by its name, in the pane that it belongs to', () => {
    const terminal = held();
    terminal.press('3', ':', 'log.freeze\r');
    expect(terminal.state().open).toMatchObject({ pane: 'log', log: { follows: false } });
    terminal.press(':', 'action detail.diff\r');
    expect(terminal.state().open).toMatchObject({ pane: 'detail', detail: { tab: 'diff' } });
    terminal.press(':', 'breakpoints.add\r');
    expect(terminal.screen()).toContain('breakpoints.add works in breakpoints and watches, on a.');
    const complete = (text: string) => {
      terminal.press(':', text, keys.tab);
      const overlay = terminal.state().overlays.at(-1);
      terminal.press(keys.esc);
      return overlay?.type === 'prompt' ? overlay.text : undefined;
    };
    expect(complete('log.fr')).toBe('log.freeze ');
    expect(complete('theme li')).toBe('theme light');
    expect(complete('set lowB')).toBe('set lowBandwidth');
    expect(complete('bind run.exp')).toBe('bind run.export');
  });

  it('brings back what was typed before, and what stood there at first', () => {
    const terminal = held();
    const typed = () => terminal.state().overlays.at(-1);
    terminal.press(':', 'show last\r', ':', 'filter slow\r', ':', 'show 00bbb2\r', ':', keys.up);
    expect(typed()).toMatchObject({ text: 'show 00bbb2' });
    terminal.press(keys.up, keys.up, keys.up);
    expect(typed()).toMatchObject({ text: 'show last' });
    terminal.press(keys.down, keys.down, keys.down);
    expect(typed()).toMatchObject({ text: '' });
    terminal.press('f', keys.up);
    expect(typed()).toMatchObject({ text: 'filter slow' });
    terminal.press('!', keys.esc, '/', keys.up);
    expect(typed()).toMatchObject({ purpose: 'search', text: '' });
  });

  it('changes nothing on a read-only connection', () => {
    const terminal = openTerminal({ readOnly: true }, ...heldRun());
    for (const typed of ['run generate-content', 'resume', 'step', 'cancel', 'break 5', 'fork']) {
      terminal.press(':', `${typed}\r`);
      expect(terminal.screen().toLowerCase(), typed).toContain('the connection is read-only');
    }
  });
});
