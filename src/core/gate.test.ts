import { describe, expect, it } from 'vitest';
import type { CommandVerb } from '../protocol/rows.ts';
import type { RunMode } from '../protocol/vocabulary.ts';
import { afterHold, decideGate, decideStops, initialGate, letsPass, steer } from './gate.ts';
import type { Checkpoint } from './gate.ts';
import { isStepNamed } from './step-glob.ts';

/** Step 2 has sub-steps, and 2b one of its own. */
const program: readonly Checkpoint[] = [
  { key: 'load', display: '1', depth: 0 },
  { key: 'call', display: '2', depth: 0 },
  { key: 'call.auth', display: '2a', depth: 1 },
  { key: 'call.route', display: '2b', depth: 1 },
  { key: 'call.route.pick', display: '2b.1', depth: 2 },
  { key: 'call.send', display: '2c', depth: 1 },
  { key: 'store', display: '3', depth: 0 },
  { key: 'show', display: '4', depth: 0 },
];
interface Places {
  readonly breakpoints: readonly { readonly number: number; readonly target: string }[];
  readonly breakAt: readonly string[];
}
const nowhere: Places = { breakpoints: [], breakAt: [] };
const at = (target: string, number = 1) => ({ number, target });
/** What `breakpoints.ts` says is met before a step. */
const stopsAt = (step: Checkpoint, { breakpoints }: Places) =>
  breakpoints
    .filter(({ target }) => isStepNamed(target, step))
    .map(({ number }) => ({ number, reason: `breakpoint #${number} on ${step.display}`, needsApproval: false }));

/** Walks through the program and says where it holds and why; a verb answers each hold. */
function walk(
  mode: RunMode,
  verbs: readonly (CommandVerb | `${CommandVerb} ${string}`)[],
  places: Places = nowhere,
  before: readonly string[] = [],
): readonly string[] {
  let gate = initialGate(mode);
  for (const order of before) gate = steer(gate, order.split(' ')[0] as CommandVerb, null, order.split(' ')[1]);
  const left = [...verbs];
  const holds: string[] = [];
  for (const step of program) {
    const decision = decideGate(gate, step, { stops: stopsAt(step, places), breakAt: places.breakAt });
    if (decision.kind === 'pass') continue;
    holds.push(`${step.display} ${decision.reason}`);
    gate = afterHold(gate, step);
    while (left.length > 0) {
      const [verb, target] = left.shift()!.split(' ') as [CommandVerb, string?];
      gate = steer(gate, verb, step, target);
      if (letsPass(verb)) break;
    }
  }
  return holds;
}

describe('the gate', () => {
  it('lets a run in mode auto through, and holds one in mode step before every step but over sub-steps', () => {
    expect(walk('auto', [])).toEqual([]);
    expect(walk('step', ['next', 'next', 'next', 'next'])).toEqual(['1 step', '2 step', '3 step', '4 step']);
  });

  it('holds a paused run before the next step, and lets it run on', () => {
    expect(walk('paused', ['continue'])).toEqual(['1 pause']);
  });

  it('steps into sub-steps, over theirs, and out of them', () => {
    expect(walk('step', ['next', 'stepIn', 'next', 'next', 'stepOut', 'continue'])).toEqual([
      '1 step',
      '2 step',
      '2a step',
      '2b step',
      '2c step',
      '3 step',
    ]);
    expect(walk('step', ['next', 'stepIn', 'stepIn', 'stepIn', 'stepOut', 'stepOut', 'continue'])).toEqual([
      '1 step',
      '2 step',
      '2a step',
      '2b step',
      '2b.1 step',
      '2c step',
      '3 step',
    ]);
  });

  it('runs to the end when it steps out of the outermost level', () => {
    expect(walk('step', ['stepOut'])).toEqual(['1 step']);
  });

  it('stops at breakpoints in every mode, of the pipeline by number and of the run by display', () => {
    expect(walk('auto', ['continue', 'continue'], { breakpoints: [at('call.send', 7)], breakAt: ['3'] })).toEqual([
      '2c breakpoint #7 on 2c',
      '3 breakpoint at 3',
    ]);
    expect(walk('step', ['next', 'next', 'continue'], { breakpoints: [at('call.auth')], breakAt: [] })).toEqual([
      '1 step',
      '2 step',
      '2a breakpoint #1 on 2a',
    ]);
  });

  it('goes on from a breakpoint in a sub-step to the steps beside it', () => {
    expect(walk('auto', ['next', 'next', 'next', 'continue'], { breakpoints: [at('2a')], breakAt: [] })).toEqual([
      '2a breakpoint #1 on 2a',
      '2b step',
      '2c step',
      '3 step',
    ]);
  });

  it('runs to a step once, and still stops at a breakpoint on the way', () => {
    expect(walk('paused', ['runTo store'])).toEqual(['1 pause', '3 run to 3']);
    expect(walk('paused', ['runTo 4', 'continue'], { breakpoints: [at('2')], breakAt: [] })).toEqual(['1 pause', '2 breakpoint #1 on 2']);
  });

  it('pauses before a named step once', () => {
    expect(walk('auto', ['continue'], nowhere, ['pause 2b'])).toEqual(['2b pause at 2b']);
    expect(walk('auto', ['continue', 'continue'], nowhere, ['pause 2b', 'pause show'])).toEqual(['2b pause at 2b', '4 pause at 4']);
  });

  it('is not steered by an edit or a renewed lease', () => {
    expect(walk('step', ['edit', 'lease', 'next', 'continue'])).toEqual(['1 step', '2 step']);
  });

  it('holds after a step only for breakpoints, and names the first of them', () => {
    const stop = (number: number, needsApproval = false) => ({ number, reason: `breakpoint #${number}`, needsApproval });
    expect(decideStops([])).toEqual({ kind: 'pass' });
    expect(decideStops([stop(4)])).toEqual({ kind: 'hold', reason: 'breakpoint #4', needsApproval: false });
    expect(decideStops([stop(1), stop(2, true)])).toEqual({ kind: 'hold', reason: 'breakpoint #1; breakpoint #2', needsApproval: true });
    expect(decideStops([1, 2, 3, 4, 5].map((number) => stop(number)))).toMatchObject({ reason: 'breakpoint #1; breakpoint #2; breakpoint #3; 2 more' });
  });
});
