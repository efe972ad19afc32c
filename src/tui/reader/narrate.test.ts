import { describe, expect, it } from 'vitest';
import type { Message } from '../message.ts';
import { settingsOf } from '../settings.ts';
import { readThemes } from '../output/themes.ts';
import { at, changed, keys, listed, logRow, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from '../testing.tsx';
import { createNarrator } from './narrate.ts';
import { sizeHeard } from './size.ts';

/** The program as it is heard: after each thing that happens, what was written. */
function heard(terminal: TestTerminal) {
  const narrator = createNarrator();
  const parts: string[] = [];
  const listen = () => void parts.push(narrator.say(terminal.state()));
  listen();
  return {
    text: () => parts.join(''),
    last: () => parts.at(-1),
    press(...bytes: readonly string[]) {
      for (const one of bytes) {
        terminal.press(one);
        listen();
      }
    },
    send(...messages: readonly Message[]) {
      terminal.send(...messages);
      listen();
    },
  };
}

const settings = settingsOf({}, readThemes(), { values: { screenReader: true }, origins: {}, file: '' });
const situated: readonly Message[] = [listed, { type: 'listed', rows: { runs: [runRow()] } }];
const running = runRow({ status: 'running' });

describe('the program for people who hear it', () => {
  it('tells a run from its start to its failure', () => {
    const program = heard(openTerminal({ settings }, ...opened(running)));
    program.send(changed(stepRow('load_model', { status: 'running', started_at: at(0), completed_at: null, duration_ms: null, seq: 10 })));
    program.send(changed(stepRow('load_model', { seq: 12 }), logRow(11, 'model found')));
    program.send(changed(stepRow('prepare_inputs', { status: 'running', completed_at: null, duration_ms: null, seq: 13 }), logRow(14, '\u001b[2Jwidth is\nodd', { log_level: 'warn' })));
    program.send(changed(
      stepRow('prepare_inputs', { status: 'failed', error_message: 'width is too large', seq: 16 }),
      logRow(15, 'giving up', { log_level: 'error' }),
      runRow({ status: 'failed', error_message: 'width is too large', completed_at: at(1_200), total_duration_ms: 1_200, failed_step: 'prepare_inputs', seq: 17 }),
    ));
    expect(program.text()).toMatchInlineSnapshot(`
      "Run 00abc1 of generate-content: running, 0 of 6 steps done, 0 log lines.
      Log, followed, 0 lines
      Step 1 Load Model begins.
      Info: model found
      Step 1 Load Model ends after 80 ms.
      Step 2 Prepare Inputs begins.
      Warn: ␛[2Jwidth is odd
      Error: giving up
      Step 2 Prepare Inputs fails after 80 ms: width is too large
      The run has failed after 1.2 s: width is too large
      "
    `);
  });

  it('says where a key leads, one line a key, and nothing twice', () => {
    const other = runRow({ id: `${runId.slice(0, -1)}2`, test_run_id: `${runId.slice(0, -1)}2`, status: 'failed', completed_steps: 2 });
    const program = heard(openTerminal({ settings }, listed, { type: 'listed', rows: { runs: [runRow(), other] } }));
    program.press('j', 'k', 'k', '?');
    program.press('\u001b[B', keys.esc, 'T', '§');
    expect(program.text()).toMatchInlineSnapshot(`
      "List of runs, 2 runs
      Run 00abc2, generate-content, failed, 2 of 6 steps, 12:00:00
      Run 00abc1, generate-content, running, 0 of 6 steps, 12:00:00
      Run 00abc2, generate-content, failed, 2 of 6 steps, 12:00:00
      Help: what keys do here
      Enter l right open Open the selected run. In an empty list: start the bundled pipeline.
      n new run Start the bundled pipeline with its example inputs, in test mode.
      List of runs, 2 runs
      Run 00abc2, generate-content, failed, 2 of 6 steps, 12:00:00
      Times are shown as clock times.
      § means nothing here; ? shows what does.
      "
    `);
  });

  it('writes what is typed as it is typed, and nothing between', () => {
    const program = heard(openTerminal({ settings }, ...opened(running)));
    program.press(':', 'n', 'o', 'x', '\u007f');
    program.send(changed(logRow(20, 'meanwhile')));
    expect(program.last()).toBe('');
    program.press('\r');
    expect(program.text().split('\n').slice(-6)).toMatchInlineSnapshot(`
      [
        "Log, followed, 0 lines",
        ": nox",
        ": no",
        "Info: meanwhile",
        "There is no command "no". Did you mean \`at\` or \`info\`?",
        "",
      ]
    `);
  });

  it('says a flood of lines by its number and its end', () => {
    const program = heard(openTerminal({ settings }, ...opened(running)));
    program.send(changed(...Array.from({ length: 100 }, (_, index) => logRow(20 + index, `line ${index}`))));
    const lines = program.last()!.trim().split('\n');
    expect(lines).toHaveLength(21);
    expect(lines[0]).toBe('80 lines of the log before these.');
    expect(lines.at(-1)).toBe('Info: line 99');
  });

  it('sums up what was there before it came', () => {
    const held = [stepRow('load_model'), stepRow('prepare_inputs', { status: 'held', completed_at: null, duration_ms: null })];
    const program = heard(openTerminal({ settings }, ...opened(runRow({ status: 'paused', pause_reason: 'breakpoint #1 on 2', current_step: 'prepare_inputs' }), ...held)));
    expect(program.text()).toMatchInlineSnapshot(`
      "Run 00abc1 of generate-content: paused, 1 of 6 steps done, 0 log lines. Held before step 2 Prepare Inputs: stopped: breakpoint 1.
      Log, followed, 0 lines
      "
    `);
    program.press('3', 'p');
    expect(program.last()).toMatchInlineSnapshot(`
      "Asked the run: continue.
      "
    `);
  });

  it('leaves keys, paths and names as they are typed, and names keys in rows', () => {
    const program = heard(openTerminal({ settings, size: sizeHeard({ columns: 80, rows: 24 }) }, listed, { type: 'listed', rows: { runs: [runRow()] } }));
    program.press('?', 'z', 'q', 'x');
    expect(program.text()).toContain('\nNothing has these words.\n');
    program.press(keys.esc, keys.esc, '3');
    program.send({ type: 'answered', question: { kind: 'comparisons' }, outcome: { answer: [] } });
    expect(program.last()).toBe('None is kept yet. In the list of runs D marks a run, and on another compares the two; there m keeps the comparison under a name.\n');
  });

  it('says what a filter has left once it has been typed', () => {
    const program = heard(openTerminal({ settings }, listed, { type: 'listed', rows: { runs: [runRow()] } }));
    program.press('f', 'f', 'l', 'u', 'x', '\r');
    expect(program.last()).toBe('\n1 run, filter flux\n');
  });

  it('says a long line of everything whole, and the numbers of a step with their names', () => {
    const words = 'the width is far too large, and so is the height of the picture that was asked for, as everybody could have seen in the example';
    const program = heard(openTerminal({ settings, size: sizeHeard({ columns: 80, rows: 24 }) }, ...situated));
    program.press('2');
    program.send({ type: 'heard', news: { kind: 'logs', isFresh: true, rows: [logRow(1, words)] } });
    expect(program.last()).toContain(words);
    const steps = heard(openTerminal({ settings, size: sizeHeard({ columns: 80, rows: 24 }) }, ...opened(running), changed(stepRow('load_model'))));
    steps.press('V');
    expect(steps.text()).toContain('\nstep 1 Load Model, completed, took 80 ms');
  });

  it('moves no cursor, clears nothing, and never repeats what stands still', () => {
    const terminal = openTerminal({ settings }, ...opened(running));
    const program = heard(terminal);
    terminal.press(keys.esc);
    program.press(keys.esc);
    for (let second = 0; second < 10; second += 1) {
      terminal.later(1_000);
      program.send({ type: 'ticked' });
      expect(program.last()).toBe('');
    }
    expect(program.text()).not.toMatch(/[^\n -~]/);
  });
});
