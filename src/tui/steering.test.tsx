import { describe, expect, it } from 'vitest';
import type { Message } from './message.ts';
import { at, breakpointRow, changed, commandRow, heldRun, keys, logRow, openTerminal, opened, runId, runRow, snapshotOf, stepRow, type TestTerminal } from './testing.tsx';

const commands = (terminal: TestTerminal) => terminal.effects.flatMap((effect) => (effect.type === 'command' ? [effect.verb] : []));

describe('a command under way', () => {
  it('shows a pause that was asked for until the run is held', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    terminal.press('p');
    expect(terminal.screen()).toContain('pausing before the next step…');
    terminal.send({ type: 'commanded', command: commandRow() });
    expect(terminal.screen()).toContain('pausing before the next step…');
    terminal.send(changed(runRow({ mode: 'paused', seq: 50 })));
    expect(terminal.screen()).toContain('pausing before the next step…');
    terminal.send(changed(runRow({ status: 'paused', mode: 'paused', seq: 51, current_step: 'prepare_inputs' }), stepRow('prepare_inputs', { status: 'held' })));
    expect(terminal.screen()).not.toContain('pausing');
  });

  it('shows a pause that another terminal asked for, and drops it when the run ends first', () => {
    const terminal = openTerminal({}, ...opened(runRow({ mode: 'paused' }), stepRow('load_model', { status: 'running' })));
    expect(terminal.screen()).toContain('pausing before the next step…');
    terminal.press('p');
    expect(terminal.screen()).toContain('the run is about to pause');
    terminal.send(changed(runRow({ mode: 'paused', status: 'completed', seq: 50 })));
    expect(terminal.screen()).not.toContain('pausing');
  });

  it('takes an accepted pause back with continue', () => {
    const terminal = openTerminal({}, ...opened(runRow({ mode: 'step' }), stepRow('load_model', { status: 'running' })));
    terminal.press('p');
    terminal.send({ type: 'commanded', command: commandRow() });
    terminal.press('c');
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'continue' }) });
    expect(terminal.screen()).not.toContain('pausing');
  });

  it('sends a pause right after continue, and refuses only the same command twice', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('c', 'c');
    expect(terminal.screen()).toContain('c does nothing now: continue is under way.');
    terminal.press('p', 'p');
    expect(terminal.screen()).toContain('p does nothing now: pause is under way.');
    expect(commands(terminal)).toEqual(['continue', 'pause']);
  });

  it('lets no command hinder another', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('s', 'c', 'p');
    expect(commands(terminal)).toEqual(['next', 'continue', 'pause']);
  });
});

describe('editing a held step again', () => {
  const heldStep = (seq: number) => changed(stepRow('storage_upload', { status: 'held', is_edited: true, started_at: null, completed_at: null, duration_ms: null, seq }));
  const width = (value: number) => snapshotOf('storage_upload', { inputs: { prompt: 'a lighthouse', width: value }, isEdited: true });
  const asked = (terminal: TestTerminal) => terminal.effects.filter((effect) => effect.type === 'loadSnapshot' && effect.stepKey === 'storage_upload').length;
  const setLastDigit = (terminal: TestTerminal, digit: string) => terminal.press('i', keys.down, keys.down, '\u001b[F', '\u007f', digit, keys.ctrlX);

  it('says where it was saved, and shows each edit', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    for (const [seq, digit] of [[60, '3'], [61, '4']] as const) {
      setLastDigit(terminal, digit);
      terminal.send({ type: 'commanded', command: commandRow({ verb: 'edit', payload: { step: 'storage_upload' } }) });
      expect(terminal.screen()).toContain('Saved: step 5 runs with these inputs.');
      terminal.send(heldStep(seq), width(510 + Number(digit)));
    }
    terminal.press('3');
    expect(terminal.screen()).toContain('width: 514');
    expect(asked(terminal)).toBe(3);
  });

  it('opens no editor on inputs from before the edit', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    setLastDigit(terminal, '3');
    terminal.press('i');
    expect(terminal.screen()).toContain('Reading the inputs of 5');
    terminal.send(heldStep(60));
    expect(terminal.state().overlays).toEqual([]);
    terminal.send(width(513));
    expect(terminal.state().overlays).toMatchObject([{ type: 'editor', original: { width: 513 } }]);
  });

  it('asks once more when the step moved on while it was being read, so that an old answer cannot stay', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.send(heldStep(60), heldStep(61));
    expect(asked(terminal)).toBe(2);
    terminal.send(width(513));
    expect(asked(terminal)).toBe(3);
  });

  it('opens the editor again when the run refused the edit', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    setLastDigit(terminal, '3');
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'edit', state: 'refused', reason: 'no', test_run_id: runId }) });
    terminal.press('i');
    expect(terminal.state().overlays).toHaveLength(1);
  });
});

describe('keys that have another meaning in the view that is shown', () => {
  it('say where continue and the next error are', () => {
    const terminal = openTerminal({}, ...heldRun(), changed(runRow({ status: 'paused', log_counts: { error: 1 }, seq: 60 })), snapshotOf('storage_upload'));
    terminal.press('3', 'c');
    expect(terminal.screen()).toContain('Folded. Continue is c in the other panes (2 c).');
    terminal.press('e');
    expect(terminal.screen()).toContain('Unfolded. The next error is e in the other panes (2 e).');
    expect(commands(terminal)).toEqual([]);
    terminal.press('2', 'c');
    expect(commands(terminal)).toEqual(['continue']);
  });

  it('fold silently in a run that is not held', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed' }), stepRow('load_model')), snapshotOf('load_model'));
    terminal.press('3', 'c', 'e');
    expect(terminal.state().notice).toBeUndefined();
  });
});

describe('a run whose steps are still being read', () => {
  it('says so, and not that they have not been reached', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed' })), { type: 'runLink', runId, link: { state: 'catching-up' } });
    for (const key of ['r', 'i']) {
      terminal.press(key);
      expect(terminal.screen(), key).toContain('the steps are still being read');
    }
    terminal.send({ type: 'runLink', runId, link: { state: 'live' } });
    terminal.press('r');
    expect(terminal.screen()).toContain('step 1 has not been reached');
  });
});

describe('the selected step', () => {
  it('is named and marked beside the log, with the breakpoints', () => {
    const stops: Message = { type: 'listed', rows: { breakpoints: [breakpointRow({ id: 'b1' }), breakpointRow({ id: 'b2', number: 2, target: 'ui_update', enabled: false })] } };
    const unicode = openTerminal({}, ...heldRun(), stops);
    expect(unicode.screen()).toContain(' ✔1 ✔2 ✔3 ✔4›⏸5● ·6○');
    expect(unicode.screen()).toContain('2 lines · step 5');
    const ascii = openTerminal({ ascii: true }, ...heldRun(), stops);
    expect(ascii.screen()).toContain(' +1 +2 +3 +4>=5@ .6o');
    ascii.press('{');
    expect(ascii.screen()).toContain('2 lines . step 4b');
    expect(ascii.screen()).toContain('+4a>+4b =5@');
  });

  it('leaves the names of the views their place', () => {
    const lines = Array.from({ length: 1_200 }, (_, index) => logRow(100 + index, 'line'));
    const terminal = openTerminal({}, ...heldRun(), changed(...lines));
    terminal.press('{');
    expect(terminal.screen()).toContain(' 1 steps 2 log 3 in 4 out 5 diff 6 state 7 src 8 time 9 err  1,202 · step 4b');
  });

  it('is named by the steps pane alone where that is shown', () => {
    expect(openTerminal({ size: { columns: 130, rows: 30 } }, ...heldRun()).screen()).not.toContain('· step 5');
  });

  it('shows what the step before it changed while it is held', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload', { stateBefore: { cost: 4 } }));
    terminal.press('d');
    expect(terminal.effects).toContainEqual({ type: 'loadSnapshot', runId, stepKey: 'call_edge_function', attempt: 1 });
    terminal.send(snapshotOf('call_edge_function', { stateBefore: { cost: 3 }, stateAfter: { cost: 4 } }));
    expect(terminal.screen()).toContain('✔ 4 Call Edge Function');
    expect(terminal.screen()).toContain('5 is held; this is what 4 changed.');
    expect(terminal.screen()).toContain('~ /cost  3 → 4');
    terminal.press('6');
    expect(terminal.screen()).toContain('⏸ 5 Storage Upload');
  });

  it('has changed nothing when it is the first of the run and held', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'paused' }), stepRow('load_model', { status: 'held', started_at: null })), snapshotOf('load_model', { stateBefore: {} }));
    terminal.press('d');
    expect(terminal.screen()).toContain('it has changed nothing yet');
  });

  it('shows its error beside the log of a failed run, until a person chooses a view', () => {
    const wide = { size: { columns: 160, rows: 50 } };
    const rows = [runRow({ status: 'failed', failed_step: 'load_model', error_message: 'no model', seq: 60 }), stepRow('load_model', { status: 'failed', error_message: 'no model', seq: 59 })] as const;
    expect(openTerminal(wide, ...opened(...rows)).state().open?.detail.tab).toBe('error');
    const chosen = openTerminal(wide, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    chosen.press('6');
    chosen.send(changed(...rows));
    expect(chosen.state().open?.detail.tab).toBe('state');
  });
});

describe('a look at a rerun', () => {
  it('goes from a sub-step into the step around it, and asks for nothing that has not happened', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('r');
    expect(terminal.screen()).toContain('4 steps, 2 sub-steps');
    expect(terminal.screen()).toContain('for the first time: 5 Storage Upload');
    expect(terminal.screen()).toContain('Enter runs it.');
    terminal.press('y');
    expect(terminal.screen()).toContain('y does nothing now: nothing that happened outside would happen again');
    terminal.press('\r');
    expect(terminal.effects.filter((effect) => effect.type === 'start')).toHaveLength(1);

    const inner = openTerminal({}, ...heldRun());
    inner.press('{', 'r');
    expect(inner.screen()).toContain('4 Call Edge Function, for the sub-steps from 4b on');
    expect(inner.screen()).toContain('3 steps, 1 sub-step');
    expect(inner.screen()).toContain('Enter runs it once y has allowed');
    inner.press('\r');
    expect(inner.screen()).toContain('4b would happen again outside; press y to allow that');
    expect(inner.effects.filter((effect) => effect.type === 'start')).toEqual([]);
  });

  it('cannot begin after a step without a result', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'failed' }), stepRow('load_model', { status: 'failed' }), stepRow('prepare_inputs')));
    terminal.press(':select 2\r', 'r', '\r');
    expect(terminal.screen()).toContain('Not possible: this run has no result of 1 to go on from.');
    expect(terminal.effects.filter((effect) => effect.type === 'start')).toEqual([]);
  });

  it('keeps an edit made in the run, and says so', () => {
    const terminal = openTerminal({}, ...heldRun(), changed(stepRow('storage_upload', { status: 'held', is_edited: true, seq: 60 })));
    terminal.press('r');
    expect(terminal.screen()).toContain('Edit         as edited in run 00abc1');
  });
});

describe('the time of a run', () => {
  it('is that of its work, with the time held beside it', () => {
    const held = openTerminal({}, ...heldRun());
    held.later(12_600);
    expect(held.screen()).toContain('PAUSED 600 ms, held 12.0 s');

    const ended = openTerminal({}, ...opened(
      runRow({ status: 'completed', total_duration_ms: 223_000, completed_at: at(223_000), seq: 60 }),
      stepRow('load_model', { held_ms: 200_000 }), stepRow('prepare_inputs', { held_ms: 16_900 }),
      stepRow('validate_inputs', { held_ms: 5_000, status: 'reused', reused_from_run_id: 'another' }),
    ));
    expect(ended.screen()).toContain('COMPLETED 6.1 s, held 3m 37s');
    expect(ended.screen()).toContain('completed in 6.1 s, held 3m 37s');
  });

  it('is all of it where nobody held the run', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed', total_duration_ms: 4_200, completed_at: at(4_200), seq: 60 }), stepRow('load_model', { held_ms: 3 })));
    expect(terminal.screen()).toContain('completed in 4.2 s, FLUX.1 Schnell');
  });
});
