import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlFeed } from '../client/holder.ts';
import { checkBreakpoint } from '../core/breakpoint-draft.ts';
import type { BreakpointRow, CommandRow, CommandVerb } from '../protocol/rows.ts';
import { isStepFinal } from '../core/run-state.ts';
import { createRunRecorder } from './run-recorder.ts';
import type { Rows, RunLink } from './sink.ts';
import type { StepSpec } from './step-spec.ts';

/*
 * Commands reach a run in any order, twice, late, while others are under way and while breakpoints change. Whatever they do,
 * each step is executed at most once, each command acts once, and the run comes to an end.
 */

type Move =
  | { readonly do: 'send'; readonly verb: CommandVerb; readonly step: string | undefined }
  | { readonly do: 'repeat'; readonly which: number }
  | { readonly do: 'wait'; readonly turns: number }
  | { readonly do: 'break'; readonly at: string; readonly moment: 'before' | 'after'; readonly needsApproval: boolean }
  | { readonly do: 'clear' };

const displays = ['1', '2', '2a', '2b', '3'];
const verbs = ['pause', 'continue', 'next', 'stepIn', 'stepOut', 'runTo', 'edit', 'edit', 'edit', 'lease', 'take', 'approve', 'cancel'] as const satisfies readonly CommandVerb[];
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), verb: fc.constantFrom(...verbs), step: fc.option(fc.constantFrom(...displays), { nil: undefined }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: fc.nat(20) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('break' as const), at: fc.constantFrom(...displays, '2.*', '*'), moment: fc.constantFrom('before' as const, 'after' as const), needsApproval: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
);

describe('a gate', () => {
  it('executes each step at most once and obeys each command once, however they interleave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('auto' as const, 'step' as const, 'paused' as const), fc.array(moves, { maxLength: 40 }), fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }), async (mode, script, delays) => {
        const world = openWorld(delays);
        const recorder = createRunRecorder({ runId: 'run', link: world.link, mode, onLeaseEnd: 'hold' });
        await recorder.listen();
        const executed: string[] = [];
        const program = runProgram(recorder, executed);
        for (const move of script) await world.make(move);
        // Somebody lets it go on until it has ended.
        for (let turn = 0; world.isHeld() || !(await hasEnded(program)); turn++) {
          expect(turn, 'the run comes to an end').toBeLessThan(200);
          if (world.isHeld()) {
            await world.make({ do: 'send', verb: 'approve', step: undefined });
            await world.make({ do: 'send', verb: 'continue', step: undefined });
          }
          await world.make({ do: 'wait', turns: 4 });
        }
        const outcome = await program;
        await world.make({ do: 'wait', turns: 40 });
        await recorder.close();

        expect(executed, 'no step is executed twice').toEqual([...new Set(executed)]);
        if (outcome === 'completed') expect(executed.toSorted()).toEqual(displays);
        for (const states of world.settled.values()) expect(['accepted,done', 'accepted,refused', 'refused', 'accepted']).toContain(states.join(','));
        expect([...world.settled.values()].filter((states) => states.length === 1 && states[0] === 'accepted')).toEqual([]);
        expect(world.editsMade(), 'each edit is made once').toBe(world.editsDone());
        expect(world.steps().every((step) => step.attempt === 1)).toBe(true);
        if (outcome === 'completed') expect(world.steps().every(isStepFinal)).toBe(true);
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});

/** Five steps, the second with two of its own. */
async function runProgram(recorder: ReturnType<typeof createRunRecorder>, executed: string[]): Promise<'completed' | 'cancelled'> {
  const run = async (display: string, inner: readonly string[] = []): Promise<void> => {
    const step = recorder.open(specOf(display), { display });
    await recorder.checkpoint(step);
    recorder.start(step, { at: display });
    executed.push(display);
    await nextTurn();
    for (const one of inner) await run(one);
    recorder.complete(step, { outputs: { display }, stateAfter: { at: display } });
    await recorder.holdAfter(step);
  };
  try {
    await run('1');
    await run('2', ['2a', '2b']);
    await run('3');
    await recorder.end('completed');
    return 'completed';
  } catch {
    await recorder.end('cancelled');
    return 'cancelled';
  }
}

async function hasEnded(program: Promise<unknown>): Promise<boolean> {
  const running = Symbol('running');
  return (await Promise.race([program, nextTurn(running)])) !== running;
}

function specOf(display: string): StepSpec {
  const depth = display.length - 1;
  const key = depth === 0 ? `s${display}` : `s2.${display}`;
  return { key, parentKey: depth === 0 ? null : 's2', display, number: Number(display[0]), name: `Step ${display}`, depth, context: 'server', effect: 'none', canEdit: true, canRerun: true };
}

/** The other side of the recorder's port: keeps rows and states of commands in memory, and answers after some turns. */
function openWorld(delays: readonly number[]) {
  let feed: ControlFeed | undefined;
  let asked = 0;
  let status: string | undefined;
  const sent: CommandRow[] = [];
  const settled = new Map<string, string[]>();
  const steps = new Map<string, NonNullable<Rows['steps']>[number]>();
  let breakpoints: BreakpointRow[] = [];
  const late = async () => {
    for (let turn = delays[asked++ % delays.length]!; turn > 0; turn--) await nextTurn();
  };
  const link: RunLink = {
    sink: {
      write: (rows) => {
        if (rows.run?.status !== undefined) status = rows.run.status;
        for (const step of rows.steps ?? []) steps.set(step.id, step);
      },
      flush: async () => undefined,
      close: async () => undefined,
    },
    controls: {
      follow: async (wanted) => {
        feed = wanted;
        return () => (feed = undefined);
      },
      // As the database: a command is taken once, and ends once.
      settle: async (id, state) => {
        await late();
        const states = settled.get(id) ?? [];
        const mayMove = states.length === 0 ? state !== 'done' : states.at(-1) === 'accepted' && state !== 'accepted';
        if (mayMove) settled.set(id, [...states, state]);
        return mayMove;
      },
      lease: async () => undefined,
      leave: async () => {
        await late();
        return true;
      },
    },
  };
  return {
    link,
    settled,
    steps: () => [...steps.values()],
    editsDone: () => sent.filter(({ id, verb }) => verb === 'edit' && settled.get(id)?.at(-1) === 'done').length,
    editsMade: () => [...steps.values()].reduce((sum, { metadata }) => sum + (typeof metadata['edits'] === 'number' ? metadata['edits'] : 0), 0),
    isHeld: () => status === 'paused',
    make: async (move: Move) => {
      switch (move.do) {
        case 'send': {
          const payload = { ...(move.step === undefined ? {} : { step: move.step }), ...(move.verb === 'edit' ? { patch: [{ op: 'add' as const, path: '/edited', value: true }] } : {}) };
          const command: CommandRow = {
            id: `c${sent.length}`, test_run_id: 'run', verb: move.verb, payload, sender: null, sender_name: 'somebody', state: 'pending', reason: null,
            expires_at: '2999-01-01T00:00:00Z', seq: sent.length, created_at: '', updated_at: '',
          };
          sent.push(command);
          return feed?.onCommand(command);
        }
        case 'repeat':
          if (sent.length > 0) feed?.onCommand(sent[move.which % sent.length]!);
          return;
        case 'wait':
          for (let turn = 0; turn < move.turns; turn++) await nextTurn();
          return;
        case 'break': {
          const columns = checkBreakpoint({ pipelineKey: 'p', kind: 'step', target: move.at, moment: move.moment, needsApproval: move.needsApproval });
          breakpoints = [...breakpoints, { ...columns, id: `b${breakpoints.length}`, number: breakpoints.length + 1, enabled: true, created_by: null, created_at: '', updated_at: '' }];
          return feed?.onBreakpoints(breakpoints);
        }
        case 'clear':
          breakpoints = [];
          return feed?.onBreakpoints([]);
      }
    },
  };
}
