import { describe, expect, it } from 'vitest';
import { compareRuns } from '../../core/compare/compare-runs.ts';
import { compareValues } from '../../core/compare/compare-values.ts';
import type { StepValues } from '../../core/compare/comparison.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { Question } from '../outside/questions.ts';
import { at, keys, listed, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from '../testing.tsx';
import { answerAll } from './testing.ts';

const otherId = '019578a1-0000-7000-8000-00000000def2';

const values = (width: number): StepValues => ({ inputs: { prompt: 'a lighthouse', width }, outputs: { url: 'http://127.0.0.1/a.png', width }, stateBefore: {}, stateAfter: { width } });

const recorded = (id: string, status: StepRow['status'], error: string | null) => ({
  run: runRow({ id, test_run_id: id, status: status === 'failed' ? 'failed' : 'completed', total_duration_ms: 500, completed_at: at(500), log_counts: error ? { error: 1 } : {} }),
  steps: [
    ...['load_model', 'prepare_inputs'].map((key) => stepRow(key, { test_run_id: id })),
    stepRow('validate_inputs', { test_run_id: id, status, error_message: error }),
    ...(status === 'failed' ? [] : [stepRow('storage_upload', { test_run_id: id })]),
  ],
});

/** Run A completed; run B was given another width and failed at its third step. */
function answers(question: Question) {
  const comparison = compareRuns([recorded(runId, 'completed', null), recorded(otherId, 'failed', 'width is too large')]);
  switch (question.kind) {
    case 'comparison':
    case 'judgedComparison':
      return comparison;
    case 'divergence':
      return { index: 1, comparedSteps: 2, divergence: { step: 'prepare_inputs', display: '2', name: 'Prepare Inputs', kind: 'inputs' as const, path: '/width', expected: 512, actual: 8192, looksVolatile: false } };
    case 'differences':
      return comparison.steps[question.index]?.steps[1] ? compareValues(values(512), values(question.index === 0 ? 512 : 8192)) : [];
    default:
      throw new Error('nobody asks that here');
  }
}

const twoRuns = [runRow({ status: 'completed', created_at: at(1_000) }), runRow({ id: otherId, test_run_id: otherId, status: 'failed', created_at: at(0), error_message: 'width is too large' })];

function compared(size = { columns: 80, rows: 24 }): TestTerminal {
  const terminal = openTerminal({ size }, listed, { type: 'listed', rows: { runs: twoRuns } });
  terminal.press('D', 'j', 'D');
  answerAll(terminal, answers);
  return terminal;
}

describe('comparing two runs', () => {
  it('marks one run in the list, and compares it with the next that D is pressed on', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: twoRuns } });
    terminal.press('D');
    expect(terminal.screen()).toContain('00abc1 is A. Select another run: D compares them.');
    expect(terminal.screen()).toMatch(/completed +A 00abc1/);
    terminal.press('j', 'D');
    expect(terminal.effects).toContainEqual({ type: 'ask', question: { kind: 'comparison', runIds: [runId, otherId] } });
    expect(terminal.screen()).toContain('Reading the runs…');
  });

  it.each([80, 40])('keeps the columns of the list of %i cells under their titles while a run is marked', (columns) => {
    const terminal = openTerminal({ size: { columns, rows: 24 } }, listed, { type: 'listed', rows: { runs: twoRuns } });
    terminal.press('D');
    const [head, marked, other] = terminal.screen().split('\n').slice(columns === 40 ? 1 : 2);
    expect([marked!.indexOf('00abc1'), other!.indexOf('00def2')]).toEqual([head!.indexOf('RUN'), head!.indexOf('RUN')]);
    expect(marked).toContain(' A 00abc1 ');
    for (const line of [head, marked, other]) expect(line!.length).toBeLessThanOrEqual(columns);
    expect(head).toMatch(columns === 40 ? /AGE$/ : /STARTED$/);
    expect(marked).toMatch(/now$/);
  });

  it('says first where they diverge, on 80 columns in one list', () => {
    expect(compared().screen().split('\n').slice(0, 11).join('\n')).toMatchInlineSnapshot(`
      " compare A 00abc1, B 00def2                                                live
       First divergence: 2 Prepare Inputs  inputs /width: 512 → 8192
       A 00abc1  ✔ completed    500 ms  just now    generate-content
       B 00def2  ✘ failed       500 ms  just now    1 error  1 of 3 ended differently…

         1   Load Model                         ✔ ✔    80 ms    80 ms
      ›~ 2   Prepare Inputs                     ✔ ✔    80 ms    80 ms
              → inputs /width: 512 → 8192
       ~ 3   Validate Inputs                    ✔ ✘    80 ms    80 ms
       - 5   Storage Upload                     ✔      80 ms
      "
    `);
  });

  it('stands them side by side where there is room', () => {
    expect(compared({ columns: 130, rows: 24 }).screen().split('\n').slice(0, 11).join('\n')).toMatchInlineSnapshot(`
      " compare A 00abc1, B 00def2                                                                                                  live
       First divergence: 2 Prepare Inputs  inputs /width: 512 → 8192
       A 00abc1  ✔ completed    500 ms  just now    generate-content
       B 00def2  ✘ failed       500 ms  just now    1 error  1 of 3 ended differently, 1 removed

         ✔ 1   Load Model                                         80 ms │ ✔ 1   Load Model                                         80 ms
      ›~ ✔ 2   Prepare Inputs                                     80 ms │ ✔ 2   Prepare Inputs                                     80 ms
              → inputs /width: 512 → 8192
       ~ ✔ 3   Validate Inputs                                    80 ms │ ✘ 3   Validate Inputs                                    80 ms
       - ✔ 5   Storage Upload                                     80 ms │
      "
    `);
  });

  it('begins at the first divergence, and goes on to the next with ]', () => {
    const terminal = compared();
    expect(terminal.screen()).toContain('›~ 2   Prepare Inputs');
    terminal.press(']');
    expect(terminal.screen()).toContain('›~ 3   Validate Inputs');
    terminal.press(']', ']');
    expect(terminal.screen()).toContain('This is the last difference.');
  });

  it('shows how the values of a step differ, and those of its neighbours', () => {
    const terminal = compared();
    terminal.press(keys.enter);
    answerAll(terminal, answers);
    expect(terminal.screen().split('\n').slice(0, 14).join('\n')).toMatchInlineSnapshot(`
      " 2 Prepare Inputs compared                                                 live
       3 differences in its values, ids and times aside
      ›A 00abc1  ✔ completed     80 ms
       B 00def2  ✔ completed     80 ms

        inputs  1 difference
        ~ /width  512 → 8192

        outputs  1 difference
        ~ /width  512 → 8192

        state after  1 difference
        ~ /width  512 → 8192
      "
    `);
    terminal.press('{');
    answerAll(terminal, answers);
    expect(terminal.screen()).toContain('1 Load Model compared');
    expect(terminal.screen()).toContain('Inputs, outputs and state are alike');
    terminal.press(keys.esc);
    expect(terminal.screen()).toContain('First divergence');
  });

  it('says what a step is that only one of them has', () => {
    const terminal = compared();
    terminal.press('G', keys.enter);
    answerAll(terminal, answers);
    expect(terminal.screen()).toContain('Only run A has this step.');
  });

  it('compares a rerun with the run it came from, at one key', () => {
    const terminal = openTerminal({}, ...opened(runRow({ parent_run_id: otherId, status: 'completed' }), stepRow('load_model')));
    terminal.press('D');
    expect(terminal.effects.at(-1)).toEqual({ type: 'ask', question: { kind: 'comparison', runIds: [otherId, runId] } });
  });

  it('judges the times of both, and claims of steps only that they ended alike', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: twoRuns } });
    terminal.press('D', 'j', 'D');
    const history = { runs: [100, 101, 102, 103, 104], steps: new Map() };
    const judged = compareRuns([recorded(runId, 'completed', null), recorded(otherId, 'completed', null)], { history });
    answerAll(terminal, (question) => (question.kind === 'comparison' || question.kind === 'judgedComparison' ? judged : answers(question)));
    expect(terminal.screen()).toMatch(/A 00abc1 .* 4\.9x slower/);
    expect(terminal.screen()).toMatch(/B 00def2 .* 4 steps ended alike +4\.9x/);
    expect(terminal.screen()).toMatch(/~ 2 +Prepare Inputs/);
  });

  it('is there as a command, and wants two different runs', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: twoRuns } });
    terminal.press(':', 'compare 00abc1\r');
    expect(terminal.screen()).toContain('A run is compared with another one');
    terminal.press(':', 'compare 00abc1 00def2\r');
    expect(terminal.effects.at(-1)).toEqual({ type: 'ask', question: { kind: 'comparison', runIds: [runId, otherId] } });
  });

  it('says why when a run cannot be read, and asks again on demand', () => {
    const terminal = openTerminal({}, listed, { type: 'listed', rows: { runs: twoRuns } });
    terminal.press('D', 'j', 'D');
    answerAll(terminal, () => ({ problem: 'The backend does not answer.' }));
    expect(terminal.screen()).toContain('The backend does not answer.');
    const before = terminal.effects.length;
    terminal.press('\u0012');
    expect(terminal.effects.slice(before)).toEqual([{ type: 'ask', question: { kind: 'comparison', runIds: [runId, otherId] } }]);
  });
});
