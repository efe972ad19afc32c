import { describe, expect, it } from 'vitest';
import { at, breakpointRow, changed, commandRow, heldRun, keys, logRow, openTerminal, opened, runId, runRow, snapshotOf, stepRow, testNow } from '../testing.tsx';
import { answerAll } from './testing.ts';

const waiting = opened(
  runRow({ status: 'paused', pause_reason: 'approval', paused_by: 'ada@example.test', paused_at: at(0), current_step: 'storage_upload' }),
  stepRow('load_model'),
  stepRow('storage_upload', { status: 'held', started_at: null, completed_at: null, duration_ms: null, metadata: { awaitsApproval: 'Store the image?' } }),
);

const watchRow = (number: number, expression: string) => ({ id: `w${number}`, pipeline_key: 'generate-content', number, expression, created_by: null, created_at: at(0), updated_at: at(0) });

describe('breakpoints', () => {
  it('of a recording are not known, so nobody says that nothing stops its runs', () => {
    const terminal = openTerminal({ recording: 'run.json', readOnly: true }, ...heldRun());
    terminal.press('B');
    expect(terminal.screen()).toContain('A recording does not say what stops the runs of its pipeline.');
    expect(terminal.screen()).not.toContain('Nothing stops its runs');
    expect(terminal.screen()).not.toMatch(/None\. \S+ adds one/);
  });

  it('are listed with what must hold, and made with a form', () => {
    const terminal = openTerminal({}, ...heldRun(), { type: 'listed', rows: { breakpoints: [breakpointRow({ number: 3, moment: 'after', condition: 'outputs.width > 4096', hit_condition: '% 5' }), breakpointRow({ id: 'other', number: 4, kind: 'level', level: 'warn', target: null, enabled: false })] } });
    terminal.press('B');
    expect(terminal.screen()).toContain('●   3  after 5 Storage Upload, if outputs.width > 4096, hits % 5');
    expect(terminal.screen()).toContain('○   4  at a line of level warn or above, off');
    terminal.press('a', '4b', keys.down, keys.right, keys.down, 'outputs.width = 4096', keys.enter);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " breakpoints and watches of generate-content                               live
      ━━ New breakpoint of generate-content ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
         Stop          step
         Step          4b
         When          after
       › Only if       outputs.width = 4096
                       outputs.width = 4096
                                     ^
                       Unexpected character: = (at character 15). Equal is written ==
         Hits
         Log instead
         Approval      no











       Enter do it  Tab next field                                          Esc close"
    `);
    terminal.press(keys.ctrlU, 'outputs.width == 4096', keys.enter);
    expect(terminal.screen()).toContain('Saving…');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'write', write: { kind: 'addBreakpoint', fields: { kind: 'step', target: 'call_edge_function.provider_api_call', moment: 'after', condition: 'outputs.width == 4096' } } });
    terminal.send({ type: 'notWritten', problem: 'Nobody answers.' });
    expect(terminal.screen()).toContain('Nobody answers.');
    expect(terminal.screen()).toContain('outputs.width == 4096');
    terminal.press(keys.enter);
    terminal.send({ type: 'written', written: { text: 'Breakpoint #5 is set.', rows: { breakpoints: [breakpointRow({ id: 'new', number: 5 })] } } });
    expect(terminal.screen()).toContain('Breakpoint #5 is set.');
    expect(terminal.screen()).toContain('●   5  before 5 Storage Upload');
  });

  it('are refused with what is wrong at each field, and the cursor at the first of them', () => {
    const terminal = openTerminal({ size: { columns: 40, rows: 24 } }, ...heldRun());
    terminal.press('B', 'a', keys.down, keys.down, 'outputs.width = 1', keys.down, 'often', keys.enter);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " breakpoints and watches of gener… live
      ━━ New breakpoint of generate-content ━━
         Stop          step
       › Step
                       A breakpoint on a
                       step needs the step.
                       Name it by number,
                       key or a pattern, as
                       in \`8.*\`; \`*\` is any
         When          before
         Only if       outputs.width = 1
                       outputs.width = 1
                                     ^
                       Unexpected character:
                       = (at character 15).
                       Equal is written ==
         Hits          often
                       "often" does not say
                       how many hits. Write
                       3 or >=3 from the
                       third on, ==3 the
                       third only, %5 every
                       fifth
       Enter do it                  Esc close"
    `);
    terminal.press('4b', keys.enter);
    expect(terminal.screen()).not.toContain('needs the step');
    expect(terminal.screen()).toMatch(/› Only if +outputs\.width = 1/);
  });

  it('are switched, edited and removed where the cursor is', () => {
    const terminal = openTerminal({}, ...heldRun(), { type: 'listed', rows: { breakpoints: [breakpointRow({ id: 'a', number: 1 }), breakpointRow({ id: 'b', number: 2, target: 'load_model' })] } });
    terminal.press('B', 'j', ' ');
    expect(terminal.effects.at(-1)).toEqual({ type: 'setBreakpoint', id: 'b', enabled: false });
    terminal.press(keys.enter);
    expect(terminal.screen()).toContain('Breakpoint #2 of generate-content');
    terminal.press(keys.esc, 'd');
    expect(terminal.effects.at(-1)).toEqual({ type: 'removeBreakpoint', id: 'b' });
  });

  it('are offered for a bad line of the log, for its level and its step', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('2', ' ', 'b');
    expect(terminal.screen()).toMatch(/Stop +level/);
    expect(terminal.screen()).toMatch(/Step +call_edge_function.provider_api_call/);
    expect(terminal.screen()).toMatch(/Level +warn/);
  });

  it('are set on the step while the log is followed, as everywhere else', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('2', 'b');
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'addBreakpoint', kind: 'step', target: 'storage_upload' });
  });

  it('are offered for the value of the state that the cursor is on', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload', { stateBefore: { image: { width: 512 } } }));
    terminal.press('6', 'j', 'b');
    expect(terminal.screen()).toMatch(/Stop +path/);
    expect(terminal.screen()).toMatch(/Path +\/image\/width/);
  });

  it('say in the header of the run why it was stopped', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'paused', pause_reason: 'after 5, breakpoint #3: outputs.width = 4096', paused_at: at(0), current_step: 'storage_upload' }), stepRow('storage_upload')));
    expect(terminal.screen()).toContain('held after 5  stopped: breakpoint 3, outputs.width = 4096');
  });
});

describe('watches', () => {
  it('stand with their values above what a stop is looked at for', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'), { type: 'listed', rows: { watches: [watchRow(1, 'inputs.width * 2'), watchRow(2, 'outputs.url')] } });
    terminal.press('3');
    expect(terminal.screen().split('\n').slice(4, 8).join('\n')).toMatchInlineSnapshot(`
      "›   1 inputs.width * 2 = 1024
          2 outputs.url  there is no outputs here
         prompt: "a lighthouse"
         width: 512"
    `);
  });

  it('begin with the value that the cursor is on', () => {
    const terminal = openTerminal({}, ...heldRun(), snapshotOf('storage_upload'));
    terminal.press('3', 'j', 'W', keys.enter);
    expect(terminal.effects.at(-1)).toEqual({ type: 'write', write: { kind: 'addWatch', pipelineKey: 'generate-content', expression: 'inputs.width' } });
  });
});

describe('a pause with an owner', () => {
  it('says whose it is and since when, and is taken over after a question', () => {
    const terminal = openTerminal({}, ...waiting);
    terminal.later(125_000);
    expect(terminal.screen()).toContain('by ada@example.test for 2 min');
    terminal.press('O');
    expect(terminal.screen()).toContain('The run is held by ada@example.test for 2 min. Taking it over makes the pause');
    expect(terminal.effects.some((effect) => effect.type === 'keepLease')).toBe(false);
    terminal.press(keys.enter);
    expect(terminal.effects.at(-1)).toEqual({ type: 'keepLease', runId, take: true });
  });

  it('is kept by the terminal that asked for it, and let go when the run goes on', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running' })));
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'pause' }) });
    expect(terminal.effects.at(-1)).toEqual({ type: 'keepLease', runId, take: false });
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'continue' }) });
    expect(terminal.effects.at(-1)).toEqual({ type: 'releaseLease', runId });
    terminal.send({ type: 'commanded', command: commandRow({ verb: 'pause', state: 'refused', reason: 'the run is completed' }) });
    expect(terminal.effects.at(-1)).toEqual({ type: 'releaseLease', runId });
  });

  it('cannot be taken over from oneself', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press('O');
    expect(terminal.screen()).toContain('O does nothing now: the pause is yours already.');
  });
});

describe('an approval that a run waits for', () => {
  it('is named with the keys that answer it', () => {
    const terminal = openTerminal({}, ...waiting);
    expect(terminal.screen()).toContain('waits for approval: Store the image?');
    expect(terminal.screen()).toContain(' a approve  A reject');
    terminal.press('c');
    expect(terminal.screen()).toContain('the run waits for an approval');
    terminal.press('a');
    expect(terminal.effects.at(-1)).toEqual({ type: 'command', runId, verb: 'approve', payload: {} });
  });

  it('is rejected with a reason only', () => {
    const terminal = openTerminal({}, ...waiting);
    terminal.press('A', keys.enter);
    expect(terminal.screen()).toContain('A rejection needs a reason');
    terminal.press('wrong picture', keys.enter);
    expect(terminal.effects.at(-1)).toEqual({ type: 'command', runId, verb: 'reject', payload: { why: 'wrong picture' } });
  });
});

describe('a rerun', () => {
  const facts = (asked: readonly string[]) => ({
    preview: { charged: 2, wouldHaveCharged: 3, providerCalls: 1, durationMs: 4_200, obstacle: undefined, reused: [], entered: [], executed: [], repeated: [], missing: [] },
    facts: { steps: [], charges: [], asked: asked.map((step_key) => ({ step_key, provider_calls: 1, exchanges: 2 })), is_recorded: true },
  });

  it('says what it costs, and takes recorded answers in place of what would happen again', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed' }), stepRow('load_model'), stepRow('storage_upload')));
    terminal.press('1', 'g', 'r');
    answerAll(terminal, () => facts(['storage_upload']));
    expect(terminal.screen()).toContain('none: test mode; 3 credits were they enforced, 1 request to the');
    expect(terminal.screen()).toContain('these happen again: 5 Storage Upload');
    terminal.press('y', 'y', keys.enter);
    expect(terminal.effects.at(-1)).toMatchObject({ type: 'start', request: { options: { effects: 'recorded', repeatEffects: false } } });
  });

  it('says when no answer was recorded, before anything is started', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed' }), stepRow('load_model'), stepRow('storage_upload')));
    terminal.press('1', 'g', 'r', 'y', 'y');
    answerAll(terminal, () => facts([]));
    expect(terminal.screen()).toContain('no answer was recorded for 5 Storage Upload');
    terminal.press(keys.enter);
    expect(terminal.effects.some((effect) => effect.type === 'start')).toBe(false);
  });
});

describe('the family of a run', () => {
  const fork = runRow({ id: 'fork', test_run_id: '019578a1-0000-7000-8000-00000000f001', parent_run_id: runId, forked_from_step: 'storage_upload', fork_patch: [{ op: 'replace', path: '/width', value: 4096 }], status: 'failed', error_message: 'too large', created_at: at(1) });
  const again = runRow({ id: 'again', test_run_id: '019578a1-0000-7000-8000-00000000f002', parent_run_id: fork.test_run_id, status: 'completed', total_duration_ms: 4_200, created_at: at(2) });

  it('is a tree with what each was made by, and opens any of them', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed', total_duration_ms: 500 }), stepRow('load_model')));
    terminal.press('v');
    answerAll(terminal, () => [runRow({ status: 'completed', total_duration_ms: 500 }), fork, again]);
    expect(terminal.screen().split('\n').slice(0, 5).join('\n')).toMatchInlineSnapshot(`
      " family of run 00abc1                                                      live
       3 runs, each below the one it was made from
      › ✔ 00abc1  completed    500 ms  just now
        └─ ✘ 00f001  failed         0 ms  just now    from 5 Storage Upload  /width =…
           └─ ✔ 00f002  completed     4.2 s  just now    all again"
    `);
    terminal.press('j', keys.enter);
    expect(terminal.effects).toContainEqual({ type: 'follow', runId: fork.test_run_id });
  });
});

describe('the times of a run', () => {
  const profile = {
    runId, totalMs: 4_000, queuedMs: 20, heldMs: 0, providerMs: 3_000, criticalPath: ['load_model', 'storage_upload'],
    steps: [
      { stepKey: 'load_model', display: '1', name: 'Load Model', depth: 0, durationMs: 1_000, selfMs: 900, attempts: 1, isCritical: true, cpuMs: 12, memoryBytes: null, providerMs: null, ownMs: null, heldMs: 0 },
      { stepKey: 'storage_upload', display: '5', name: 'Storage Upload', depth: 0, durationMs: 3_000, selfMs: 3_000, attempts: 1, isCritical: false, cpuMs: null, memoryBytes: null, providerMs: 2_900, ownMs: 100, heldMs: 0 },
    ],
  };
  const slower = { verdict: 'slower' as const, ms: 3_000, earlier: 12, median: 1_000, p95: 1_500, ratio: 3 };
  const series = [1_000, 1_010, 990, 3_000, 3_010].map((ms, index) => ({ runId: `0195-run-${index}`, startedAt: at(index), gitCommit: index < 3 ? 'aaaaaaaaaaaa' : 'bbbbbbbbbbbbbb', ms }));
  const judged = {
    steps: new Map([['', { ...slower, ms: 4_000 }], ['storage_upload', slower]]),
    trends: [{ stepKey: 'storage_upload', display: '5', name: 'Storage Upload', p50: 1_010, p95: 3_000, selfP50: 1_000, series, changes: [{ index: 3, beforeMs: 1_000, afterMs: 3_005, ratio: 3, p: 0.001 }], latest: slower }],
  };

  function times(options: { readonly columns: number; readonly ascii?: boolean }) {
    const terminal = openTerminal({ size: { columns: options.columns, rows: 24 }, ascii: options.ascii ?? false }, ...opened(runRow({ status: 'completed' }), stepRow('load_model'), stepRow('storage_upload')));
    terminal.press('%');
    answerAll(terminal, (question) => (question.kind === 'profile' ? profile : judged));
    return terminal;
  }

  it('show where it went, what is slower than noise, and since which commit', () => {
    expect(times({ columns: 80 }).screen().split('\n').slice(0, 14).join('\n')).toMatchInlineSnapshot(`
      " performance of run 00abc1                                                 live
       It took 4.0 s, 3.0x slower (p95 of 12 earlier runs: 1.5 s); 1 step slower
      ›                                  took     self                    p50      p95
       * 1   Load Model                 1.0 s   900 ms  ━━━━────────
         5   Storage Upload             3.0 s    3.0 s  ━━━━│━│━━━━━    1.0 s    1.5 s
             3.0x slower (p95 of 12 earlier runs: 1.5 s)

        The run waited 20 ms for a runner; waited 3.0 s for answers.
        * decided when the run ended (critical path)

        Over earlier runs
        ~ 5 Storage Upload: slower since run -run-3 of 2026-03-01, with commit
          bbbbbbbbbb: 1.0 s → 3.0 s
      "
    `);
  });

  it('show more where there is room, and need nothing but ASCII', () => {
    expect(times({ columns: 130, ascii: true }).screen().split('\n').slice(0, 6).join('\n')).toMatchInlineSnapshot(`
      " performance of run 00abc1                                                                                                   live
       It took 4.0 s, 3.0x slower (p95 of 12 earlier runs: 1.5 s); 1 step slower
      >                           took     self                                    p50      p95       CPU   waited  earlier runs
       * 1   Load Model          1.0 s   900 ms  =========-------------------                       12 ms
         5   Storage Upload      3.0 s    3.0 s  =========|====|=============    1.0 s    1.5 s              2.9 s  ___##
             3.0x slower (p95 of 12 earlier runs: 1.5 s)"
    `);
  });

  it('have numbers before a bar on forty columns', () => {
    expect(times({ columns: 40 }).screen().split('\n').slice(2, 5).join('\n')).toMatchInlineSnapshot(`
      "›                 took      p50      p95
       * 1   Load M…   1.0 s
         5   Storag…   3.0 s    1.0 s    1.5 s"
    `);
  });

  it('are spread out under the step, with the place of this run among them', () => {
    const terminal = times({ columns: 80 });
    terminal.press('j', 'j', ' ');
    const earlier = new Map([['', [3_000, 4_100]], ['storage_upload', [900, 1_000, 1_000, 1_050, 1_500]]]);
    answerAll(terminal, (question) => (question.kind === 'profile' ? profile : question.kind === 'earlierTimes' ? earlier : judged));
    expect(terminal.screen().split('\n').slice(4, 8).join('\n')).toMatchInlineSnapshot(`
      "›  5   Storage Upload             3.0 s    3.0 s  ━━━━│━│━━━━━    1.0 s    1.5 s
             3.0x slower (p95 of 12 earlier runs: 1.5 s)
               900 ms ▄ █▄          ▄                                   3.0 s
                            this run: longer than 5 of 5 earlier runs ^"
    `);
    terminal.press('g', ' ');
    expect(terminal.screen()).toContain('this run: longer than 1 of 2 earlier runs');
    terminal.press(' ');
    expect(terminal.screen()).not.toContain('of 2 earlier runs');
  });

  it('lead to the step', () => {
    const terminal = times({ columns: 80 });
    terminal.press(']', keys.enter);
    expect(terminal.state().open).toMatchObject({ selected: 'storage_upload', pane: 'detail', detail: { tab: 'timing' } });
    expect(terminal.state().screens).toEqual([]);
  });
});

describe('a run worth keeping', () => {
  it('becomes a regression test with one key, once it has ended', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model')));
    terminal.press('P');
    expect(terminal.screen()).toContain('P does nothing now: the run has not ended.');
    terminal.send(changed(runRow({ status: 'failed', seq: 99 })));
    terminal.press('P');
    expect(terminal.effects.at(-1)).toEqual({ type: 'write', write: { kind: 'promote', runId } });
  });
});

describe('the command `at`', () => {
  it('shows the run as it was, by time, part or step', () => {
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed', completed_at: at(1_000), total_duration_ms: 1_000 }), stepRow('load_model', { started_at: at(0), completed_at: at(300) }), stepRow('prepare_inputs', { started_at: at(400), completed_at: at(900) }), logRow(20, 'one')));
    const moments = ['0.25s', '50%', '2', '1s'].map((word) => {
      terminal.press(':', `at ${word}\r`);
      const { playback } = terminal.state().open!;
      return playback && playback.at - testNow;
    });
    expect(moments).toEqual([250, 500, 400, undefined]);
    terminal.press(':', 'at nowhere\r');
    expect(terminal.screen()).toContain('nowhere');
  });
});
