import { describe, expect, it } from 'vitest';
import { at, changed, keys, logRow, openTerminal, opened, runRow, snapshotOf, stepRow } from './testing.tsx';

/** Two steps and a failure, with three lines, over 1.2 s. */
function recordedRun() {
  return opened(
    runRow({ status: 'failed', failed_step: 'validate_inputs', error_message: 'width is 0', completed_at: at(1_200), total_duration_ms: 1_200, completed_steps: 2, log_counts: { error: 1 } }),
    stepRow('load_model', { started_at: at(0), completed_at: at(300), duration_ms: 300 }),
    stepRow('prepare_inputs', { started_at: at(400), completed_at: at(900), duration_ms: 500 }),
    stepRow('validate_inputs', { started_at: at(1_000), completed_at: at(1_200), duration_ms: 200, status: 'failed', error_message: 'width is 0' }),
    logRow(200, 'model found'),
    logRow(600, 'prompt is ready'),
    logRow(1_100, 'width is 0', { log_level: 'error' }),
  );
}

describe('looking at an earlier moment of a run', () => {
  it('goes back line by line in the log, and everything is as it was then', () => {
    const terminal = openTerminal({}, ...recordedRun());
    terminal.press('2', ',', ',');
    expect(terminal.screen().split('\n').slice(0, 6).join('\n')).toMatchInlineSnapshot(`
      " generate… 00abc1  ▶ RUNNING 600 ms  TEST MODE   1/6  PLAYBACK  600 ms of 1.2 s
       ✔1›▶2 ·3 ·4 ·5 ·6
       ▶ 2 Prepare Inputs 200 ms                                 ━━━━━━━━━━──────────
       1 steps 2 log 3 in 4 out 5 diff 6 state 7 src 8 time 9 err  2 lines · step 2 ━━
       00:00.200 info  1   model found
       00:00.600 info  1   prompt is ready"
    `);
    expect(terminal.screen()).not.toContain('width is 0');
    terminal.press('.', '.');
    expect(terminal.screen()).toContain('✘ FAILED');
    expect(terminal.screen()).toContain('width is 0');
  });

  it('goes from step to step, with the selection on what was happening', () => {
    const terminal = openTerminal({}, ...recordedRun());
    terminal.press('1', ',', '{');
    expect(terminal.state().open?.selected).toBe('prepare_inputs');
    expect(terminal.screen()).toContain('PLAYBACK  400 ms of 1.2 s');
    terminal.press('}');
    expect(terminal.state().open?.selected).toBe('validate_inputs');
  });

  it('goes by time, and stops at the beginning', () => {
    const terminal = openTerminal({}, ...recordedRun());
    terminal.press('(');
    expect(terminal.screen()).toContain('1.2 s of 1.2 s');
    terminal.press(...'('.repeat(60).split(''));
    expect(terminal.screen()).toContain('This is the beginning.');
    expect(terminal.screen()).toContain('0 ms of 1.2 s');
  });

  it('shows no outputs of a step that was still at work', () => {
    const terminal = openTerminal({}, ...recordedRun());
    terminal.press('1', 'g', 'j');
    terminal.send(snapshotOf('prepare_inputs', { outputs: { prompt: 'made later' } }));
    terminal.press('4');
    expect(terminal.screen()).toContain('made later');
    terminal.press('1', ',', '{', '4');
    expect(terminal.screen()).toContain('The step has not ended.');
    expect(terminal.screen()).not.toContain('made later');
  });

  it('refuses to steer what is past, and comes back with Esc', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { started_at: at(0), completed_at: at(300) }), stepRow('prepare_inputs', { status: 'running', started_at: at(400), completed_at: null, duration_ms: null })));
    terminal.press('1', ',', 'p');
    expect(terminal.screen()).toContain('p does nothing now: this is how the run was earlier; Esc comes back to now.');
    expect(terminal.effects.some((effect) => effect.type === 'command')).toBe(false);
    terminal.press(keys.esc);
    expect(terminal.screen()).not.toContain('PLAYBACK');
    expect(terminal.state().open).toBeDefined();
  });

  it('stays where it is while the run goes on, and shows all of it afterwards', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { started_at: at(0), completed_at: at(300) }), logRow(200, 'one')));
    terminal.press('2', ',');
    terminal.send(changed(stepRow('prepare_inputs', { status: 'running', started_at: at(400), completed_at: null, duration_ms: null, seq: 300 }), logRow(500, 'two')));
    expect(terminal.screen()).not.toContain('two');
    terminal.press(keys.esc);
    expect(terminal.screen()).toContain('two');
    expect(terminal.state().open?.selected).toBe('prepare_inputs');
  });
});
