import { describe, expect, it } from 'vitest';
import { at, changed, heldRun, listed, logRow, modelRows, openTerminal, opened, runId, runRow, stepRow } from '../testing.tsx';

const narrow = { size: { columns: 40, rows: 20 } } as const;
const rows = (terminal: ReturnType<typeof openTerminal>, from: number, to: number) => terminal.screen().split('\n').slice(from, to).join('\n');

describe('forty columns', () => {
  it('keep status, test mode, the reason of the hold and its age', () => {
    const terminal = openTerminal(narrow, ...heldRun());
    terminal.later(12_600);
    expect(terminal.screen().split('\n').filter((row) => row !== '').slice(0, 3).join('\n')).toMatchInlineSnapshot(`
      " ⏸ PAUSED, held 12.0 s  TEST MODE  live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5  stopped: breakpoint 1"
    `);
  });

  it('keep the longest status word whole, whatever else there is to show', () => {
    const terminal = openTerminal({ ...narrow, readOnly: true }, ...opened(runRow({ status: 'interrupted', bookmarked: true, bookmark_name: 'a name that is long', parent_run_id: runId, mode: 'step', total_duration_ms: 754_000 })));
    expect(rows(terminal, 0, 1)).toContain('✘ INTERRUPTED 12m 34s');
    expect(rows(terminal, 0, 1)).toContain('TEST MODE');
  });

  it('list runs by status, id, duration and age', () => {
    const run = runRow({ status: 'interrupted', total_duration_ms: 65_000 });
    const terminal = openTerminal(narrow, { type: 'listed', rows: { runs: [run, { ...runRow({ status: 'completed', total_duration_ms: 65_000 }), id: 'other', test_run_id: 'other-aaaaaa' }] } });
    terminal.later(59 * 60_000);
    expect(rows(terminal, 0, 4)).toMatchInlineSnapshot(`
      " stepscope  2 runs                 live
        STATUS        RUN     ELAPSED      AGE
      › ✔ completed   aaaaaa   1m 05s   59 min
        ✘ interrupted 00abc1   1m 05s   59 min"
    `);
  });

  it('wrap what a key is refused for', () => {
    const terminal = openTerminal(narrow, ...opened(runRow({ pipeline_key: null, step_tree: null }), stepRow('load_model')));
    terminal.press('R');
    expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain('this run is of a program that only traces, not of a registered pipeline; x exports it, with its inputs.');
    expect(terminal.screen().split('\n')).toHaveLength(20);
  });

  it('show choices from their beginning, and hints whole', () => {
    const terminal = openTerminal(narrow, listed, { type: 'modelsLoaded', models: modelRows });
    terminal.press('N');
    expect(terminal.screen()).toContain('generate-con');
    expect(terminal.screen().replaceAll(/\s+/g, ' ')).toContain('replicate, image, 3 credits');
  });

  it('say in the empty list that nothing is charged', () => {
    const terminal = openTerminal(narrow, listed);
    expect(rows(terminal, 1, 10)).toMatchInlineSnapshot(`
      "
       No runs yet.

       Enter  runs generate-content,
              6 steps and 2 sub-steps,
              in test mode: nothing is
              charged.
       N      chooses pipeline, model and
              inputs first."
    `);
  });
});

describe('a lost link', () => {
  const lost = { type: 'runLink', runId, link: { state: 'lost', reason: 'closed', retryInMs: 3_000 } } as const;

  it('shows the status as of when it was lost, offers no steering, and lets the clock stand', () => {
    const terminal = openTerminal({ depth: 24 }, ...opened(runRow(), stepRow('load_model', { status: 'running', completed_at: null, duration_ms: null }), logRow(50, 'begun')));
    terminal.later(5_000);
    terminal.send(lost);
    terminal.later(12_000);
    expect(rows(terminal, 0, 1)).toMatchInlineSnapshot(`" generate-c… 00abc1  ▶ RUNNING 5.0 s  as of 12 s ago  TEST MODE  ✘ lost, trying"`);
    expect(terminal.screen()).toContain('1 Load Model 5.0 s');
    expect(terminal.painted().split('\n')[0]).toContain('38;2;139;148;158m▶ RUNNING');
    expect(terminal.screen().split('\n').at(-1)).not.toMatch(/pause|break|rerun/);
    terminal.press('p');
    expect(terminal.screen()).toContain('p does nothing now: the link is lost');
  });

  it('keeps the run by its id, whatever else there is to say', () => {
    for (const columns of [60, 80, 100]) {
      const terminal = openTerminal({ size: { columns, rows: 24 } }, ...opened(runRow({ status: 'completed', completed_at: at(33_100), total_duration_ms: 33_100 })), lost);
      terminal.later(2_000);
      const [header] = terminal.screen().split('\n');
      expect(header).toContain(' 00abc1 ');
      expect(header).toMatch(/COMPLETED.*TEST MODE.*lost, next/);
      if (columns >= 80) expect(header).toMatch(/^ generat.*as of 2 s ago/);
    }
  });

  it('counts from the first loss, not from the last try, and ends when the link is live', () => {
    const terminal = openTerminal({}, ...heldRun(), lost);
    terminal.later(20_000);
    terminal.send({ type: 'runLink', runId, link: { state: 'connecting' } }, lost);
    expect(terminal.screen()).toContain('as of 20 s ago');
    terminal.send({ type: 'runLink', runId, link: { state: 'live' } }, changed(runRow({ status: 'completed', seq: 99, completed_at: at(900), total_duration_ms: 900 })));
    expect(terminal.screen()).not.toContain('as of');
  });
});
