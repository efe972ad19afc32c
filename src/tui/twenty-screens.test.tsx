import { describe, expect, it } from 'vitest';
import { situations } from './testing/situations.ts';

const small = { columns: 80, rows: 24 };
const large = { columns: 160, rows: 50 };

/** A screen as a person sees it. Rows that are blank together are told, not shown. */
function screen(situation: string, size: { readonly columns: number; readonly rows: number } = small): string {
  const rows = situations[situation]!({ size }).screen().split('\n');
  return rows.join('\n').replaceAll(/\n(?:\n){2,}/g, (blank) => `\n~ ${blank.length - 1} blank rows\n`);
}

describe('twenty screens', () => {
  it('say that the backend cannot be reached, and what to do', () => {
    expect(screen('no backend yet')).toMatchInlineSnapshot(`
      " stepscope                                                           connecting

       ✘ The backend cannot be reached.

         nobody answers

         Start one

         Press r to try again, q to leave. \`stepscope doctor\` looks for causes.
      ~ 14 blank rows
       r try again                                                    ? help  q leave"
    `);
  });

  it('say what to press where there is no run yet', () => {
    expect(screen('an empty list')).toMatchInlineSnapshot(`
      " stepscope  0 runs                                                         live
       1 runs 2 logs 3 compared 4 sessions 5 times 6 breakpoints 7 settings ━━━━━━━━━━

       No runs yet.

       Enter  runs generate-content,
              6 steps and 2 sub-steps,
              in test mode: nothing is charged.
       N      chooses pipeline, model and inputs first.

       From a prompt to an image in storage.
      ~ 12 blank rows
       Enter run it  n new run  N choose & run  Tab next view         ? help  q leave"
    `);
  });

  it('list runs with how each ended, and the views of the house above', () => {
    expect(screen('the list of runs')).toMatchInlineSnapshot(`
      " stepscope  2 runs                                                         live
       1 runs 2 logs 3 compared 4 sessions 5 times 6 breakpoints 7 settings ━━━━━━━━━━
        STATUS        RUN    PIPELINE         MODEL         STEPS  ELAPSED    STARTED
      › ✔ completed   00abc1 generate-content FLUX.1 Schne…   0/6     0 ms   just now
        ✘ failed      00def2 generate-content FLUX.1 Schne…   0/6     0 ms   just now
      ~ 17 blank rows
       a lighthouse
       Enter open  n new run  N choose & run  m bookmark  f filter    ? help  q leave"
    `);
  });

  it('show a run that works, with the step it is at and its log', () => {
    expect(screen('a running run, log')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ▶ RUNNING 0 ms  TEST MODE   1/6                  live
       ✔1›▶2 ·3 ·4 ·5 ·6
       ▶ 2 Prepare Inputs 0 ms                                   ────────────────────
       1 steps 2 log 3 in 4 out 5 diff 6 state 7 src 8 time 9 err  2 lines · step 2 ━━
       00:00.050 info  1   model found
       00:00.060 WARN  1   slow answer
      ~ 17 blank rows
       This is the log view."
    `);
  });

  it('count what came while the log is frozen', () => {
    expect(screen('a running run, log frozen')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ▶ RUNNING 0 ms  TEST MODE   1/6                  live
       ✔1›▶2 ·3 ·4 ·5 ·6
       ▶ 2 Prepare Inputs 0 ms                                   ────────────────────
       1 2 log 3 4 5 6 7 8 9  2 lines · step 2  frozen ▼ ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
      ›00:00.050 info  1   model found
       00:00.060 WARN  1   slow answer
      ~ 17 blank rows
       p pause  b break  i edit  r rerun  d diff  Space follow         ? help  q back"
    `);
  });

  it('say why a run is held, by whom, and which keys go on', () => {
    expect(screen('a held run, view 1')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                   live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage …  stopped: breakpoint 1, by local@stepscope, just now
       1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model             80 ms ━━━━━━
        ✔ 2   Prepare Inputs         80 ms        ━━━━━━
        ✔ 3   Validate Inputs        80 ms               ━━━━━━
        ✔ 4   Call Edge Function     80 ms                      ━━━━━━
        ✔ 4a    Authentication       80 ms                             ━━━━━━
        ✔ 4b    Provider API Call    80 ms                                    ━━━━━━
      › ⏸ 5   Storage Upload          held                                          ⏸
        · 6   UI Update
      ~ 11 blank rows
       p resume  s step  c continue  b break  i edit  r rerun          ? help  q back"
    `);
  });

  it('show the inputs of a step as a tree', () => {
    expect(screen('a held run, view 3')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                   live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage …  stopped: breakpoint 1, by local@stepscope, just now
       1 2 3 inputs 4 5 6 7 8 9  ⏸ 5 Storage Upload  1/2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
      ›  prompt: "a lighthouse"
         width: 512
      ~ 17 blank rows
       p resume  s step  b break  i edit  r rerun  d diff  S step in   ? help  q back"
    `);
  });

  it('open a line of the log in place, with its data', () => {
    expect(screen('a held run, a line of the log unfolded')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                   live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage …  stopped: breakpoint 1, by local@stepscope, just now
       1 2 log 3 4 5 6 7 8 9  2 lines · step 5  frozen ▼ ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
      ›00:00.050 info  1   model found ▾
          ▾ data:
              model: "flux"
            line: 50
            time: "2026-03-01T12:00:00.050Z"
            step: "load_model"
            context: "client"
       00:00.051 WARN  4b  slow answer
      ~ 11 blank rows
       p resume  s step  c continue  b break  i edit  r rerun          ? help  q back"
    `);
  });

  it('show the error of the step that failed, with its stack', () => {
    expect(screen('a failed run, view 9')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ✘ FAILED 1.2 s  TEST MODE   2/6                  live
       ✔1 ✔2›✘3 ·4 ·5 ·6
       ✘ 3 Validate Inputs: width is 0
       1 2 3 4 5 6 7 8 9 error  ✘ 3 Validate Inputs  1/3 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       width is 0

           at validate (steps.ts:12:3)
      ~ 16 blank rows
       b break  i edit  r rerun  R rerun all  d diff  / search         ? help  q back"
    `);
  });

  it('say which moment of a run is shown', () => {
    expect(screen('an earlier moment, steps')).toMatchInlineSnapshot(`
      " generate… 00abc1  ▶ RUNNING 900 ms  TEST MODE   2/6  PLAYBACK  900 ms of 1.2 s
       ✔1›✔2 ·3 ·4 ·5 ·6
       Between two steps                                         ━━━━━━━━━━━━━━━─────
       1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model            300 ms ━━━━━━━━━━━━━━
      › ✔ 2   Prepare Inputs        500 ms                   ━━━━━━━━━━━━━━━━━━━━━━━━
        · 3   Validate Inputs
        · 4   Call Edge Function
        · 4a    Authentication
        · 4b    Provider API Call
        · 5   Storage Upload
        · 6   UI Update
      ~ 11 blank rows
       . later  , earlier  Esc now  } next step  { previous step       ? help  q back"
    `);
  });

  it('say what a run waits for, and how to answer', () => {
    expect(screen('a run that waits for approval')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   1/6                   live
       ✔1 ·2 ·3 ·4›⏸5 ·6
       ⏸ held  waits for approval: Store the image?, by ada@example.test, just now
       1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model             80 ms ━━━━━━
        · 2   Prepare Inputs
        · 3   Validate Inputs
        · 4   Call Edge Function
        · 4a    Authentication
        · 4b    Provider API Call
      › ⏸ 5   Storage Upload          held                                          ⏸
        · 6   UI Update
      ~ 11 blank rows
       a approve  A reject  b break  i edit  r rerun  d diff           ? help  q back"
    `);
  });

  it('say that the link is lost and what is shown may be old', () => {
    expect(screen('a lost link')).toMatchInlineSnapshot(`
      " generate-c… 00abc1  ⏸ PAUSED 0 ms  as of just now  TEST MODE  ✘ lost, next 1 s
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage …  stopped: breakpoint 1, by local@stepscope, just now
       1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model             80 ms ━━━━━━
        ✔ 2   Prepare Inputs         80 ms        ━━━━━━
        ✔ 3   Validate Inputs        80 ms               ━━━━━━
        ✔ 4   Call Edge Function     80 ms                      ━━━━━━
        ✔ 4a    Authentication       80 ms                             ━━━━━━
        ✔ 4b    Provider API Call    80 ms                                    ━━━━━━
      › ⏸ 5   Storage Upload          held                                          ⏸
        · 6   UI Update
      ~ 11 blank rows
       d diff  Enter look inside  V timeline  Tab next pane            ? help  q back"
    `);
  });

  it('say in words that nothing can be changed here', () => {
    expect(screen('a read-only run, steps')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   READ-ONLY   4/6       live
       ✔1 ✔2 ✔3 ✔4›⏸5 ·6
       ⏸ held before 5 Storage …  stopped: breakpoint 1, by local@stepscope, just now
       1 steps 2 log 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error ━━━━━
        ✔ 1   Load Model             80 ms ━━━━━━
        ✔ 2   Prepare Inputs         80 ms        ━━━━━━
        ✔ 3   Validate Inputs        80 ms               ━━━━━━
        ✔ 4   Call Edge Function     80 ms                      ━━━━━━
        ✔ 4a    Authentication       80 ms                             ━━━━━━
        ✔ 4b    Provider API Call    80 ms                                    ━━━━━━
      › ⏸ 5   Storage Upload          held                                          ⏸
        · 6   UI Update
      ~ 11 blank rows
       d diff  Enter look inside  V timeline  Tab next pane            ? help  q back"
    `);
  });

  it('say what a rerun reuses, does again and costs, before it does it', () => {
    expect(screen('dialog: preview')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                   live
      ━━ Rerun from here ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       A new run is made; run 00abc1 stays as it is.

       From         1 Load Model
       Reused       none
       Executed     6 steps, 2 sub-steps
                    1 2 3 4 4a 4b 5 6
       Edit         none: the same inputs
       Mode         run on
       Charges      none: test mode
       Outside      these happen again: 4b Provider API Call
                    y ›not said   let them happen   take the recorded answers
                    for the first time: 5 Storage Upload

       Enter runs it once y has allowed what happens again outside.
      ~ 7 blank rows
       y effects  s stepping  i edit                                        Esc close"
    `);
  });

  it('find a key by what it does', () => {
    expect(screen('dialog: help over a run')).toMatchInlineSnapshot(`
      " generate-content 00abc1  ⏸ PAUSED 0 ms  TEST MODE   4/6                   live
      ━━ Help: what keys do here ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       Search:     70 here, 112 elsewhere

       › Enter l →      look inside     Details of the step: its error when it failed…
         p              resume          Pause before the next step, or resume.
         s              step            Run the step the run is held before, sub-step…
         S              step in         Step, and hold before the first sub-step.
         c              continue        Run on to the next breakpoint or the end.
         C              to here         not now: the run is held before 5 already. Ru…
         b              break           Set or remove a breakpoint on the selected st…
         W              watch           Watch an expression: its value is shown at ev…
         B              breakpoints     Breakpoints and watches of the pipeline: cond…
         i              edit            Edit the inputs of the selected step: of this…
         r              rerun           A new run from the selected step on, after a …
         R              rerun all       The whole run again, after a look at what it …
         a              approve         not now: the run waits for no approval. Appro…
         A              reject          not now: the run waits for no approval. Rejec…
         O              take over       not now: the pause is yours already. Make the…
         X              cancel          Cancel the run; asks for its short id.

       Details of the step: its error when it failed, else inputs.
       :view.open
       Enter do it  Ctrl-r other keys                                       Esc close"
    `);
  });

  it('list breakpoints and watches of a pipeline', () => {
    expect(screen('screen: breakpoints')).toMatchInlineSnapshot(`
      " breakpoints and watches of generate-content                               live
       1 on; stored with the pipeline, for all its runs
      ›●   1  before 5 Storage Upload

        Watches  at 5 Storage Upload
        None. W adds an expression, such as outputs.width or state.image.
      ~ 17 blank rows
       a add  Enter edit or follow  Space on or off  d remove          ? help  q back"
    `);
  });

  it('put two runs beside each other, from where they part', () => {
    expect(screen('screen: compare', large)).toMatchInlineSnapshot(`
      " compare A 00abc1, B 00def2                                                                                                                                live
       First divergence: 2 Prepare Inputs  inputs /width: 512 → 8192
       A 00abc1  ✔ completed    500 ms  just now    generate-content
       B 00def2  ✘ failed       500 ms  just now    1 error  1 of 3 ended differently, 1 removed

         ✔ 1   Load Model                                                        80 ms │ ✔ 1   Load Model                                                        80 ms
      ›~ ✔ 2   Prepare Inputs                                                    80 ms │ ✔ 2   Prepare Inputs                                                    80 ms
              → inputs /width: 512 → 8192
       ~ ✔ 3   Validate Inputs                                                   80 ms │ ✘ 3   Validate Inputs                                                   80 ms
       - ✔ 5   Storage Upload                                                    80 ms │
      ~ 39 blank rows
       Enter values  m keep  v ids and times  o open A  O open B  ] next  [ previous  / search                                                         ? help  q back"
    `);
  });

  it('draw all of a run on one axis of time', () => {
    expect(screen('screen: timeline', large)).toMatchInlineSnapshot(`
      " timeline of run 00abc1                                                                                                                                    live
       ran 1.2 s
        █ step ▒ waits ░ p95 │ p50         │0              │200 ms         │400 ms         │600 ms         │800 ms         │1.0 s               p50      p95   waited
        log lines, ✘ errors                                █                               █                                       ✘
       *✔ 1   Load Model            300 ms ████████████████████████
       *✔ 2   Prepare Inputs        500 ms                                 ████████████████████████████████████████
      ›*✘ 3   Validate Inputs       200 ms                                                                                 ███████████████✘
        · 4   Call Edge Function
        · 4a    Authentication
        · 4b    Provider API Call
        · 5   Storage Upload
        · 6   UI Update
      ~ 37 blank rows
       Enter open the step  + larger  h held time  ] next  [ previous  / search                                                                        ? help  q back"
    `);
  });

  it('show steps, details and log of a failed run at once where there is room', () => {
    expect(screen('a failed run, view 2', large)).toMatchInlineSnapshot(`
      " generate-content 00abc1  ✘ FAILED 1.2 s  TEST MODE   2/6                                                                                                  live
       ✘ 3 Validate Inputs: width is 0
      ── 1 steps ──────────────────────────────────────────────────────────────│ ── 3 inputs 4 outputs 5 diff 6 state 7 source 8 timing 9 error  ✘ 3 Validate Inputs ─
        ✔ 1   Load Model            300 ms ━━━━━━━━━                           │  width is 0
        ✔ 2   Prepare Inputs        500 ms            ━━━━━━━━━━━━━━━━         │
      › ✘ 3   Validate Inputs       200 ms                              ━━━━━✘ │      at validate (steps.ts:12:3)
        · 4   Call Edge Function                                               │
        · 4a    Authentication                                                 │
        · 4b    Provider API Call                                              │
        · 5   Storage Upload                                                   │
        · 6   UI Update                                                        │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
                                                                               │
      ━━ 2 log  3 lines ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
       00:00.200 info  client   1   model found
       00:00.600 info  client   1   prompt is ready  {"prompt":"a lighthouse","tokens":[1,2]}
       00:01.100 ERROR client   3   width is 0
      ~ 24 blank rows
       This is the log view."
    `);
  });

  it('tell each setting, its value and where it comes from', () => {
    expect(screen('screen: settings')).toMatchInlineSnapshot(`
      " Settings                                                                  live
       1 runs 2 logs 3 compared 4 sessions 5 times 6 breakpoints 7 settings ━━━━━━━━━━
       Colours. Own themes are JSON files in \`themes\` beside the config file.
      › theme            dark           default
        preset           vim            default
        colors           auto           default
        ascii            no             default
        timeFormat       elapsed        default
        lowBandwidth     no             default
        showBytes        no             default
        screenReader     no             default
        logLines         1000000        default

        Keys of your own
        None. Type :bind log.nextError e, or press Ctrl-r on an entry of the help.

        Kept in
        Nowhere: changes hold until you leave.
      ~ 5 blank rows
       Enter change  d default  ] next  [ previous  / search           ? help  q back"
    `);
  });
});
