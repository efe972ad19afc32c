import { whyRefused } from '../../../core/command-rules.ts';
import { shortId } from '../../../core/format.ts';
import { UserError } from '../../../protocol/error.ts';
import type { CommandPayload, CommandVerb, RunRow } from '../../../protocol/rows.ts';
import { controlActions, send } from '../../actions/control.ts';
import { situationNow } from '../../model/situation.ts';
import { cannotTake, inPlayback } from '../../keymap/reasons.ts';
import { staysHeld } from '../../update/pending.ts';
import { selectStep } from '../../update/open-run.ts';
import { only, told, withRun, type Update } from '../../update/result.ts';
import type { State } from '../../state.ts';
import { breakCommand } from './break.ts';
import type { Command } from './command.ts';
import { isOpen, mayChange, openRunOf, runIds, runNamed, runOf, stepDisplays, stepKeyOf, stepNamed } from './references.ts';
import { splitWords, valueOf, type Words } from './words.ts';

const stepsAndRuns = (state: State): readonly string[] => [...stepDisplays(state), ...runIds(state)];

/** Commands that steer runs: the open one, or one that is named. */
export const controlCommands: Readonly<Record<string, Command>> = {
  pause: {
    usage: 'pause [RUN]', help: 'hold before the next step, or before the one named', plain: stepsAndRuns, options: [{ name: '--before', value: 'STEP', choices: stepDisplays }],
    run: (state, words) => steer(state, 'pause', words, valueOf(words, '--before')),
  },
  resume: {
    usage: 'resume [RUN]', help: 'run on to the next breakpoint, a step or the end', plain: runIds, options: [{ name: '--to', value: 'STEP', choices: stepDisplays }],
    run: (state, words) => steer(state, words.options.has('--to') ? 'runTo' : 'continue', words, valueOf(words, '--to')),
  },
  step: {
    usage: 'step [RUN]', help: 'one step; --in holds at sub-steps, --out leaves them', plain: (state) => ['in', 'out', ...runIds(state)], options: [{ name: '--in' }, { name: '--out' }],
    run: (state, words) => {
      const [first, ...rest] = words.plain;
      const way = first === 'in' || first === 'out' ? first : undefined;
      const isIn = words.options.has('--in') || way === 'in';
      const isOut = words.options.has('--out') || way === 'out';
      if (isIn && isOut) throw new UserError('usage', '--in and --out exclude each other');
      return steer(state, isIn ? 'stepIn' : isOut ? 'stepOut' : 'next', way ? { ...words, plain: rest } : words, undefined);
    },
  },
  until: { usage: 'until STEP', help: 'run on and hold before this step', plain: stepDisplays, run: (state, words) => steer(state, 'runTo', { ...words, plain: [] }, needed(words, 'a step')) },
  cancel: {
    usage: 'cancel [RUN]', help: 'cancel a run; the open one asks for its short id', plain: runIds,
    run: (state, words) => {
      mayChange(state);
      const [word] = words.plain;
      const run = runOf(state, word);
      if (isOpen(state, run)) return controlActions['run.cancel'](state);
      if (word === 'last') throw new UserError('usage', 'a run that is not open is cancelled by its id', { hint: `cancel ${shortId(run.test_run_id)}` });
      return sendTo(state, run, 'cancel', {});
    },
  },
  break: breakCommand,
  take: { usage: 'take', help: 'make the pause of the open run yours', run: (state) => whenAllowed(state, cannotTake(state), controlActions['run.take']) },
  approve: {
    usage: 'approve [WHY]', help: 'approve what the open run waits for', isText: true,
    run: (state, words) => {
      const { run, why } = answerIn(state, words);
      return sendTo(state, run, 'approve', why === '' ? {} : { why });
    },
  },
  reject: {
    usage: 'reject WHY', help: 'reject what the open run waits for', isText: true,
    run: (state, words) => {
      const { run, why } = answerIn(state, words);
      return sendTo(state, run, 'reject', { why });
    },
  },
  select: { usage: 'select STEP', help: 'select a step', plain: stepDisplays, run: (state, words) => only(withRun(state, (run) => selectStep(run, stepNamed(state, needed(words, 'a step')).key))) },
};

/** `WHY` about the open run, or `[RUN] --why WHY` as on the command line. */
function answerIn(state: State, { plain: [text = ''] }: Words): { readonly run: RunRow; readonly why: string } {
  const [, word, why] = /^(?:(\S+)\s+)?--why[\s=]+(.*)$/s.exec(text) ?? [];
  return why === undefined ? { run: runOf(state, undefined), why: text } : { run: runOf(state, word), why: splitWords(why).join(' ') };
}

/** A verb for the run that the words name, else the open one. A word that names no run is a step, where the verb takes one. */
function steer(state: State, verb: CommandVerb, words: Words, step: string | undefined): Update {
  mayChange(state);
  const [word] = words.plain;
  const named = runNamed(state, word);
  const isStep = word !== undefined && !named && verb === 'pause' && step === undefined;
  const run = named ?? (isStep ? openRunOf(state).view.run : runOf(state, word));
  const reference = isStep ? word : step;
  return sendTo(state, run, verb, reference === undefined ? {} : { step: stepKeyOf(state, run, reference) });
}

function sendTo(state: State, run: RunRow, verb: CommandVerb, payload: CommandPayload): Update {
  if (!isOpen(state, run)) {
    const why = whyRefused(verb, verb === 'runTo' ? payload : {}, { run, held: null, steps: [] });
    if (why !== undefined) throw new UserError('conflict', `run ${shortId(run.test_run_id)}: ${why}`);
    return only(told(state, `Sent to run ${shortId(run.test_run_id)}…`), { type: 'command', runId: run.test_run_id, verb, payload });
  }
  const past = inPlayback(state);
  if (past !== undefined) throw new UserError('conflict', past);
  const open = openRunOf(state);
  const isReleased = verb === 'pause' && open.view.run.status === 'paused' && !staysHeld(open);
  const why = isReleased ? undefined : whyRefused(verb, payload, situationNow(open, state.now)!);
  if (why !== undefined) throw new UserError('conflict', why);
  return send(state, verb, payload);
}

function whenAllowed(state: State, why: string | undefined, act: (state: State) => Update): Update {
  if (why !== undefined) throw new UserError('conflict', why);
  return act(state);
}

function needed(words: Words, what: string): string {
  const [word] = words.plain;
  if (word === undefined) throw new UserError('usage', `it needs ${what}`);
  return word;
}
