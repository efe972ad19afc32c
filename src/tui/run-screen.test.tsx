import { describe, expect, it } from 'vitest';
import { at, changed, commandRow, heldRun, keys, logRow, openTerminal, opened, runId, runRow, snapshotOf, stepRow } from './testing.tsx';

describe('the screen of a run', () => {
  it('says at 80×24 how the run stands, where and why', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.later(12_600);
    expect(terminal.screen().split('\n').filter((row) => row !== '').join('\n')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 600 ms, held 12.0 s  TEST MODE   4/6    live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage U…  stopped: breakpoint 1, by local@stepscope for 12 s
       1 steps 2 log 3 in 4 out 5 diff 6 state 7 src 8 time 9 err  2 lines · step 5 ━━
       00:00.050 info  1   model found  {"model":"flux"}
       00:00.051 WARN  4b  slow answer
       p resume  s step  c continue  b break  i edit  r rerun          ? help  q back"
    `);
  });

  it('shows the steps with a timeline', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('1');
    expect(terminal.screen().split('\n').slice(3, 13).join('\n')).toMatchInlineSnapshot(`
      " 1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model             80 ms ━━━━━━
        ✔ 2   Prepare Inputs         80 ms        ━━━━━━
        ✔ 3   Validate Inputs        80 ms               ━━━━━━
        ✔ 4   Call Edge Function     80 ms                      ━━━━━━
        ✔ 4a    Authentication       80 ms                             ━━━━━━
        ✔ 4b    Provider API Call    80 ms                                    ━━━━━━
      › ⏸ 5   Storage Upload          held                                          ⏸
        · 6   UI Update
      "
    `);
  });

  it('shows three panes on a wide screen', () => {
    const terminal = openTerminal({ size: { columns: 130, rows: 28 } }, ...heldRun(), snapshotOf('storage_upload'));
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                                                                     live
       ⏸ held before 5 Storage Upload  stopped: breakpoint 1, by local@stepscope, just now
      ── 1 steps ────────────────────────────────────────────────│ ── 3 inputs 4 5 6 7 8 9  ⏸ 5 Storage Upload ─────────────────────────
        ✔ 1   Load Model             80 ms ━━━                   │    prompt: "a lighthouse"
        ✔ 2   Prepare Inputs         80 ms    ━━━━               │    width: 512
        ✔ 3   Validate Inputs        80 ms        ━━━            │
        ✔ 4   Call Edge Function     80 ms           ━━━━        │
        ✔ 4a    Authentication       80 ms               ━━━     │
        ✔ 4b    Provider API Call    80 ms                  ━━━━ │
      › ⏸ 5   Storage Upload          held                     ⏸ │
        · 6   UI Update                                          │
                                                                 │
                                                                 │
                                                                 │
                                                                 │
                                                                 │
                                                                 │
      ━━ 2 log  2 lines ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       00:00.050 info  client   1   model found  {"model":"flux"}
       00:00.051 WARN  edge     4b  slow answer







       p resume  s step  c continue  b break  i edit  r rerun  d diff  S step in  Space freeze  Enter unfold  / search   ? help  q back"
    `);
  });

  it('puts the failed step and the words of the failure first', () => {
    const message = 'NSFW content detected by the provider';
    const terminal = openTerminal({}, ...opened(
      runRow({ status: 'failed', failed_step: 'call_edge_function', error_message: message, total_duration_ms: 4_200, log_counts: { error: 1 } }),
      stepRow('load_model'),
      stepRow('call_edge_function', { status: 'failed', error_message: message }),
      stepRow('call_edge_function.provider_api_call', { status: 'failed', error_message: message, error_stack: `Error: ${message}\n    at callProvider (/srv/pipeline/provider.ts:12:9)` }),
    ));
    expect(terminal.screen()).toContain(`✘ 4b Provider API Call: ${message}`);
    terminal.press('9');
    expect(terminal.screen()).toContain('at callProvider (/srv/pipeline/provider.ts:12:9)');
  });

  it('says of a step that failed why it has no outputs', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'failed', failed_step: 'load_model' }), stepRow('load_model', { status: 'failed', error_message: 'boom' })), snapshotOf('load_model'));
    terminal.press('4');
    expect(terminal.screen()).toContain('The step failed before it returned anything; see 9 error.');
  });

  it('needs more than 40×8, and says so in one line', () => {
    const terminal = openTerminal({ size: { columns: 20, rows: 5 } }, ...heldRun());
    expect(terminal.screen().trim()).toBe('20×5, needs 40×8');
    expect(terminal.screen().split('\n')).toHaveLength(5);
  });

  it('is exactly as large as the terminal at every size, and cuts nothing into the next row', () => {
    for (const [columns, rows] of [[40, 8], [60, 20], [80, 24], [109, 40], [110, 26], [200, 60]] as const) {
      for (const key of ['1', '2', '3', '5', '8', '9', '?', 'B', 'r', 'm', 'y', ':']) {
        const terminal = openTerminal({ size: { columns, rows } }, ...heldRun(), snapshotOf('storage_upload'));
        terminal.press(key);
        const lines = terminal.screen().split('\n');
        expect(lines, `${columns}×${rows} after ${key}`).toHaveLength(rows);
        expect(Math.max(...lines.map((line) => line.length)), `${columns}×${rows} after ${key}`).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('moves ten lines for ten j in one chunk', () => {
    const lines = Array.from({ length: 40 }, (_, index) => logRow(100 + index, `line ${index}`));
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model'), ...lines));
    terminal.press('g', 'jjjjjjjjjj');
    expect(terminal.state().open?.log.cursor).toBe(10);
  });

  it('moves the selection with the run until a person moves it', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    expect(terminal.state().open?.selected).toBe('load_model');
    terminal.send(changed(stepRow('load_model', { seq: 60 }), stepRow('prepare_inputs', { status: 'running' })));
    expect(terminal.state().open?.selected).toBe('prepare_inputs');
    terminal.press('{');
    terminal.send(changed(stepRow('prepare_inputs', { seq: 61 }), stepRow('validate_inputs', { status: 'running' })));
    expect(terminal.state().open?.selected).toBe('load_model');
    terminal.press('.');
    expect(terminal.state().open?.selected).toBe('validate_inputs');
  });
});

describe('controlling a run', () => {
  it('pauses, shows the pause as under way, and tells the refusal', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    terminal.press('p');
    expect(terminal.effects).toContainEqual({ type: 'command', runId, verb: 'pause', payload: {} });
    expect(terminal.screen()).toContain('pausing before the next step…');
    terminal.send({ type: 'commanded', command: commandRow({ state: 'refused', reason: 'the run is completed' }) });
    expect(terminal.screen()).not.toContain('pausing before the next step…');
    expect(terminal.screen()).toContain('The run refused to pause: the run is completed.');
  });

  it('says why a key does nothing now', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    terminal.press('s');
    expect(terminal.screen()).toContain('s does nothing now: the run is not paused.');
    expect(terminal.effects.filter((effect) => effect.type === 'command')).toEqual([]);
  });

  it('steps, steps in, continues and runs to the selected step', () => {
    const verbs = ['s', 'S', 'c', '}C'].map((typed) => {
      const terminal = openTerminal({}, ...heldRun());
      terminal.press(typed);
      return terminal.effects.filter((effect) => effect.type === 'command').map((effect) => [effect.verb, effect.payload]);
    });
    expect(verbs).toEqual([[['next', {}]], [['stepIn', {}]], [['continue', {}]], [['runTo', { step: 'ui_update' }]]]);
  });

  it('cancels only for the short id of the run', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('X', 'wrong\r');
    expect(terminal.screen()).toContain('Not cancelled: this run is 00abc1, not "wrong".');
    expect(terminal.screen()).toContain('type 00abc1: wrong');
    terminal.press(keys.ctrlU, '00abc1\r');
    expect(terminal.state().overlays).toEqual([]);
    expect(terminal.effects.filter((effect) => effect.type === 'command')).toEqual([{ type: 'command', runId, verb: 'cancel', payload: {} }]);
  });

  it('refuses every control on a read-only connection, with a badge in words', () => {
    const terminal = openTerminal({ readOnly: true }, ...heldRun());
    expect(terminal.screen()).toContain('READ-ONLY');
    for (const key of ['p', 's', 'S', 'c', 'C', 'b', 'i', 'r', 'R', 'X', 'm']) {
      terminal.press(key);
      expect(terminal.screen(), key).toContain('the connection is read-only');
    }
    expect(terminal.effects.filter((effect) => !['loadSnapshot', 'follow'].includes(effect.type))).toEqual([]);
  });

  it('sets a breakpoint on the selected step', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('}b');
    expect(terminal.effects).toContainEqual({ type: 'addBreakpoint', pipelineKey: 'generate-content', kind: 'step', target: 'ui_update' });
  });
});

describe('editing and rerunning', () => {
  it('edits the inputs of the run itself while it is held there', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.press('i', keys.down, keys.down, '\u001b[F', '\u007f', '0', keys.ctrlX);
    expect(terminal.effects).toContainEqual({
      type: 'command', runId, verb: 'edit', payload: { step: 'storage_upload', patch: [{ op: 'replace', path: '/width', value: 510 }] },
    });
  });

  it('keeps what does not fit the schema in the editor, with path and reason', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.press('i', keys.down, keys.down, '\u001b[F', '\u007f\u007f', keys.ctrlX);
    expect(terminal.screen()).toContain('width: must be at least 64');
    terminal.press('x', keys.ctrlX);
    expect(terminal.screen()).toContain('Not JSON, line 3');
    expect(terminal.effects.filter((effect) => effect.type === 'command')).toEqual([]);
  });

  it('keeps a name that the step does not know in the editor, with the one that was meant', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.press('i', keys.down, keys.down, '\u001b[F', '\u001b[200~, "widht": 640\u001b[201~', keys.ctrlX);
    expect(terminal.screen()).toContain('no input "widht". Did you mean `width`?');
    expect(terminal.effects.filter((effect) => effect.type === 'command')).toEqual([]);
  });

  it('asks once before it drops changed text', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.press('i', '\u001b[200~junk\r\u001b[201~', keys.esc);
    expect(terminal.screen()).toContain('The changes are not saved');
    terminal.press(keys.esc);
    expect(terminal.state().overlays).toEqual([]);
  });

  it('reruns from a past step with a draft, after saying what happens and asking for effects outside', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':select 3\r');
    terminal.send(snapshotOf('validate_inputs'));
    terminal.press('i', keys.down, keys.down, '\u001b[F', '\u007f', '0', keys.ctrlX);
    expect(terminal.screen()).toContain('DRAFT');
    terminal.press('r');
    expect(terminal.screen().split('\n').slice(1, 18).join('\n')).toMatchInlineSnapshot(`
      "━━ Rerun from here ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       A new run is made; run 00abc1 stays as it is.

       From         3 Validate Inputs
       Reused       2 steps
                    1 2
       Executed     4 steps, 2 sub-steps
                    3 4 4a 4b 5 6
       Edit         replace /width 510
       Mode         run on
       Charges      none: test mode
       Outside      these happen again: 4b Provider API Call
                    y ›not said   let them happen   take the recorded answers
                    for the first time: 5 Storage Upload

       Enter runs it once y has allowed what happens again outside.
      "
    `);
    terminal.press('\r');
    expect(terminal.screen()).toContain('would happen again outside; press y to allow that');
    terminal.press('y', '\r');
    expect(terminal.effects.filter((effect) => effect.type === 'start').map((effect) => effect.request)).toMatchObject([
      { pipeline: 'generate-content', model: 'flux', options: { repeatEffects: true }, fork: { parentRunId: runId, step: 'validate_inputs', patch: [{ op: 'replace', path: '/width', value: 510 }] } },
    ]);
    terminal.send({ type: 'startFailed', message: 'no runner has this pipeline' });
    expect(terminal.screen()).toContain('no runner has this pipeline');
  });

  it('shows the state before and after as changes, and goes from one to the next', () => {
    const before = { cost: 3, model: { name: 'flux' }, old: true };
    const after = { cost: 4, model: { name: 'flux', size: 2 } };
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':select 3\r', 'd');
    terminal.send(snapshotOf('validate_inputs', { stateBefore: before, stateAfter: after }));
    expect(terminal.screen().split('\n').slice(3, 7).join('\n')).toMatchInlineSnapshot(`
      " 1 2 3 4 5 diff 6 7 8 9  ✔ 3 Validate Inputs  3 changes  1/3 ━━━━━━━━━━━━━━━━━━━
      ›~ /cost  3 → 4
       + /model/size  2
       - /old  true"
    `);
    terminal.press(']]');
    expect(terminal.state().open?.detail.cursor).toBe(2);
    terminal.press(']');
    expect(terminal.screen()).toContain('This is the last change.');
  });

  it('folds JSON where the cursor is', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload', { inputs: { options: { a: 1, b: [1, 2] }, last: true } }));
    terminal.press('3', 'h');
    expect(terminal.screen()).toContain('▸ options: {a, b}');
    terminal.press('l', 'j', 'H');
    expect(terminal.state().open?.detail.cursor).toBe(0);
  });

  it('reads the snapshot again when the step has moved on', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    const asked = () => terminal.effects.filter((effect) => effect.type === 'loadSnapshot' && effect.stepKey === 'storage_upload').length;
    expect(asked()).toBe(1);
    terminal.send(changed(stepRow('storage_upload', { status: 'completed', seq: 70, started_at: at(700) })));
    expect(asked()).toBe(2);
  });
});
