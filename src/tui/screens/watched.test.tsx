import { describe, expect, it } from 'vitest';
import type { Question } from '../outside/questions.ts';
import type { WatchedValue } from '../outside/watched.ts';
import { at, heldRun, keys, openTerminal } from '../testing.tsx';
import { answerAll } from './testing.ts';

const step = (step_key: string, display: string, step_name: string, status: WatchedValue['step']['status'] = 'completed'): WatchedValue['step'] => ({ step_key, display, step_name, status, parent_step_key: null });

const along: readonly WatchedValue[] = [
  { step: step('load_model', '1', 'Load Model'), outcome: { kind: 'none', why: 'there is no outputs.width here' } },
  { step: step('prepare_inputs', '2', 'Prepare Inputs'), outcome: { kind: 'value', value: 512 } },
  { step: step('validate_inputs', '3', 'Validate Inputs'), outcome: { kind: 'value', value: 512 } },
  { step: step('storage_upload', '5', 'Storage Upload', 'held'), outcome: { kind: 'value', value: 4096 } },
];

function answers(question: Question) {
  if (question.kind !== 'watched') throw new Error('nobody asks that here');
  return question.expression === 'state.broken' ? { problem: 'the backend does not answer' } : along;
}

const watch = { id: 'w1', pipeline_key: 'generate-content', number: 1, expression: 'outputs.width', created_by: null, created_at: at(0), updated_at: at(0) };

describe('a watch', () => {
  it('is followed along the steps of the run, with the places where its value changed', () => {
    const terminal = openTerminal({ size: { columns: 80, rows: 12 } }, ...heldRun(), { type: 'listed', rows: { watches: [watch] } });
    terminal.press('B', 'G', keys.enter);
    answerAll(terminal, answers);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " outputs.width in run 00abc1                                               live
       2 values, one after the other
      ›  ✔ 1   Load Model            there is no outputs.width here
       ~ ✔ 2   Prepare Inputs       = 512
         ✔ 3   Validate Inputs      = 512
       ~ ⏸ 5   Storage Upload       = 4096





       Enter open the step  ] next  [ previous  / search               ? help  q back"
    `);
    terminal.press(']', ']', keys.enter);
    expect(terminal.state().open).toMatchObject({ selected: 'storage_upload', pane: 'detail', detail: { tab: 'diff' } });
  });

  it('can be any expression, from the command line of the terminal', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':', 'watched state.image.width > 3', keys.enter);
    expect(terminal.effects).toContainEqual({ type: 'ask', question: { kind: 'watched', runId: expect.any(String), expression: 'state.image.width > 3' } });
    expect(terminal.screen()).toContain('Reading the state of every step…');
    terminal.press(keys.esc, ':', 'watched state.broken', keys.enter);
    answerAll(terminal, answers);
    expect(terminal.screen()).toContain('the backend does not answer');
  });
});
