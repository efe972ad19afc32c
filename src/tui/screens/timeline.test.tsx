import { describe, expect, it } from 'vitest';
import { at, changed, keys, logRow, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from '../testing.tsx';
import { answerAll } from './testing.ts';

const provider = 'call_edge_function.provider_api_call';

const waits = (from: number, ms: number) => ({ exchanges: [{ kind: 'provider' as const, step_key: provider, started_at: at(from), duration_ms: ms }], logs: [] });

const earlier = new Map([['', [3_000, 3_100, 3_300]], [provider, [1_900, 2_000, 2_100, 2_050]], ['storage_upload', [600, 640, 900]]]);

function answer(terminal: TestTerminal, times: ReadonlyMap<string, readonly number[]> = earlier): void {
  answerAll(terminal, (question) => (question.kind === 'earlierTimes' ? times : question.kind === 'waits' ? waits(1_400, 1_900) : { problem: 'not asked here' }));
}

/** Held for a minute before the upload, which failed once. */
const endedRun = opened(
  runRow({ status: 'completed', started_at: at(0), completed_at: at(64_600), total_duration_ms: 64_600, completed_steps: 6 }),
  stepRow('load_model', { started_at: at(0), completed_at: at(400), duration_ms: 400 }),
  stepRow('prepare_inputs', { started_at: at(400), completed_at: at(500), duration_ms: 100 }),
  stepRow('validate_inputs', { started_at: at(500), completed_at: at(1_000), duration_ms: 500, status: 'completed' }),
  stepRow('call_edge_function', { started_at: at(1_000), completed_at: at(3_500), duration_ms: 2_500 }),
  stepRow('call_edge_function.authentication', { started_at: at(1_000), completed_at: at(1_300), duration_ms: 300 }),
  stepRow(provider, { started_at: at(1_300), completed_at: at(3_500), duration_ms: 2_200 }),
  stepRow('storage_upload', { status: 'failed', started_at: at(3_500), completed_at: at(3_800), duration_ms: 300 }),
  stepRow('storage_upload', { attempt: 2, started_at: at(64_000), completed_at: at(64_500), duration_ms: 500, held_ms: 60_000 }),
  stepRow('ui_update', { started_at: at(64_500), completed_at: at(64_600), duration_ms: 100 }),
  logRow(50, 'begun', { timestamp: at(10) }),
  logRow(51, 'asked', { timestamp: at(1_400) }),
  logRow(52, 'asked again', { timestamp: at(1_450) }),
  logRow(53, 'no room', { timestamp: at(3_750), log_level: 'error' }),
);

describe('the timeline', () => {
  it('shows work, waiting, retries, holds and what earlier runs took on one axis', () => {
    const terminal = openTerminal({}, ...endedRun);
    terminal.press('V');
    answer(terminal);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " timeline of run 00abc1                                                    live
       ran 4.6 s, 1 step over the p95 of 3 earlier runs, 1.9 s of it waiting for answ…
        █ step ▒ waits ░ p95 │ p50        │0                │2 s             │4 s
        log lines, ✘ errors               ▄           █                    ✘
       *✔ 1   Load Model           400 ms ████
       *✔ 2   Prepare Inputs       100 ms    ██
       *✔ 3   Validate Inputs      500 ms     █████
       *✔ 4   Call Edge Function    2.5 s         ████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒██
       *✔ 4a    Authentication     300 ms         ████
       *✔ 4b    Provider API Ca…    2.2 s            █▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ over p95 2.1 s
       *✔ 5   Storage Upload       500 ms                               ███✘ ⏸████│░░
      ›*✔ 6   UI Update            100 ms                                        ██











       Enter open the step  + larger  h held time  ] next              ? help  q back"
    `);
  });

  it('has as much in ASCII, where nothing is told by colour', () => {
    const terminal = openTerminal({ ascii: true, size: { columns: 120, rows: 20 } }, ...endedRun);
    terminal.press('V');
    answer(terminal);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " timeline of run 00abc1                                                                                            live
       ran 4.6 s, 1 step over the p95 of 3 earlier runs, 1.9 s of it waiting for answers; held 1m 00s, cut out
        # step ~ waits - p95 | p50         |0         |1 s       |2 s        |3 s       |4 s            p50      p95   waited
        log lines, x errors                #              ##                         x
       *+ 1   Load Model            400 ms #####
       *+ 2   Prepare Inputs        100 ms     ##
       *+ 3   Validate Inputs       500 ms      #######
       *+ 4   Call Edge Function     2.5 s            #####~~~~~~~~~~~~~~~~~~~~~###                                     1.9 s
       *+ 4a    Authentication      300 ms            ####
       *+ 4b    Provider API Call    2.2 s               ##~~~~~~~~~~~~~~~~~~~~~|##  over p95 2.1 s   2.0 s    2.1 s    1.9 s
       *+ 5   Storage Upload        500 ms                                        ###x =######|---   640 ms   874 ms
      >*+ 6   UI Update             100 ms                                                   ##







       Enter open the step  + larger  h held time  ] next  [ previous  / search                                ? help  q back"
    `);
  });

  it('draws held time when asked to, magnifies around a step, and opens it', () => {
    const terminal = openTerminal({}, ...endedRun);
    terminal.press('V');
    answer(terminal);
    terminal.press('h');
    expect(terminal.screen()).toMatch(/Storage Upload +500 ms +✘·{30,}/);
    terminal.press('h', 'k', 'k', '+', '+', '+');
    expect(terminal.screen()).toContain('timeline of run 00abc1, 8 times as large');
    expect(terminal.screen()).toContain('│2.2 s');
    terminal.press('+', '+', '+', '+');
    expect(terminal.screen()).toContain('It gets no larger.');
    terminal.press(keys.enter);
    expect(terminal.state().open).toMatchObject({ selected: provider, pane: 'detail' });
  });

  it('stops at steps that failed or took longer than nearly all earlier runs', () => {
    const terminal = openTerminal({}, ...endedRun);
    terminal.press('V', 'g');
    answer(terminal);
    terminal.press(']');
    expect(terminal.screen()).toMatch(/›\*✔ 4b/);
    terminal.press(']');
    expect(terminal.screen()).toContain('This is the last step that failed or took longer than the p95.');
  });

  it('shows the run as it was at an earlier moment', () => {
    const terminal = openTerminal({}, ...endedRun);
    terminal.press('V');
    answer(terminal);
    terminal.press('{', '{', '{');
    expect(terminal.screen()).toContain('timeline of run 00abc1 as it was after');
    expect(terminal.screen()).toMatch(/· 6 +UI Update$/m);
  });

  it('asks again what the run waited for when a step ends, and says when there is nothing to compare with', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running', completed_at: null, duration_ms: null, started_at: at(0) })));
    terminal.press('V');
    answer(terminal, new Map());
    expect(terminal.screen()).toContain('no earlier runs to compare with');
    const asked = terminal.effects.length;
    terminal.send(changed(stepRow('load_model', { seq: 90, started_at: at(0), completed_at: at(300), duration_ms: 300 })));
    expect(terminal.effects.slice(asked)).toEqual([{ type: 'ask', question: { kind: 'waits', runId, ended: 1 } }]);
  });

  it.each([[40, 10], [80, 24], [160, 50], [250, 100]])('fits %i columns and %i rows', (columns, rows) => {
    const terminal = openTerminal({ size: { columns, rows } }, ...endedRun);
    terminal.press('V');
    answer(terminal);
    for (const row of terminal.screen().split('\n')) expect(row.length).toBeLessThanOrEqual(columns);
    expect(terminal.screen().split('\n')).toHaveLength(rows);
    expect(terminal.screen()).toContain('█');
  });

  it('lets bars in flight grow by themselves, in a scale that stands still', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model', { status: 'running', completed_at: null, duration_ms: null, started_at: at(0) })));
    terminal.press('V');
    answer(terminal);
    const bar = () => (/█+▶/.exec(terminal.screen())?.[0] ?? '').length;
    const axis = () => terminal.screen().split('\n')[2];
    const [before, scale] = [bar(), axis()];
    terminal.later(1_000);
    expect(bar()).toBeGreaterThan(before);
    expect(axis()).toBe(scale);
  });
});
