import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ControlFeed } from '../client/holder.ts';
import type { CommandRow, CommandVerb } from '../protocol/rows.ts';
import type { RunPatch, WrittenSnapshot, WrittenStep } from './make-rows.ts';
import { createRunRecorder } from './run-recorder.ts';
import type { RunRecorder } from './recorder.ts';
import type { Rows, RunLink } from './sink.ts';
import type { StepSpec } from './step-spec.ts';
import type { TakenUp } from './taken-up.ts';

/*
 * A run whose process is killed at any moment, and taken up by the next where the database allows it; commands come
 * all the while. The gate and the recorder are the real ones, the database keeps the rules of `0016_leases.sql`.
 * `runner/resume.test.ts` does the same with processes and a database, a few times.
 */

type Move =
  | { readonly do: 'send'; readonly verb: CommandVerb }
  | { readonly do: 'again'; readonly which: number }
  | { readonly do: 'wait'; readonly turns: number }
  /** As soon as it has executed one step more; with what is on its way then stored or not. */
  | { readonly do: 'kill'; readonly lands: boolean; readonly atExecution: boolean }
  /** Nothing is heard of it for so long that it counts as gone, but it is not. */
  | { readonly do: 'lose' };

const verbs = ['pause', 'continue', 'next', 'stepIn', 'stepOut', 'edit', 'lease', 'take'] as const satisfies readonly CommandVerb[];
const goesOn = new Set<CommandVerb>(['continue', 'next', 'stepIn', 'stepOut', 'runTo', 'approve', 'reject']);
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), verb: fc.constantFrom(...verbs) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), which: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.nat(8) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const), lands: fc.boolean(), atExecution: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'lose' as const }) },
);

const keys = ['1', '2', '2.a', '2.b', '3'];

it('executes each step at most once however its processes are killed, and goes on wherever it was held', async () => {
  let takeovers = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('step' as const, 'paused' as const), fc.array(moves, { maxLength: 40 }), fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }), async (mode, script, delays) => {
      const world = openWorld(mode, delays);
      for (const move of script) await world.make(move);
      // Somebody lets it go on until it has ended.
      for (let turn = 0; !world.hasEnded(); turn += 1) {
        expect(turn, 'the run comes to an end').toBeLessThan(300);
        if (world.run.status === 'paused') await world.make({ do: 'send', verb: 'continue' });
        await world.make({ do: 'wait', turns: 6 });
      }
      takeovers += world.takeovers();
      expect(world.executed, 'no step is executed twice').toEqual([...new Set(world.executed)]);
      if (world.run.status === 'completed') expect(world.executed).toEqual(keys);
      expect(world.editsMade(), 'each edit is made at most once').toBeLessThanOrEqual(world.edits());
      expect(new Set(world.steps().map((step) => `${step.step_key} ${step.attempt}`)).size, 'a step has one row').toBe(world.steps().length);
    }),
    { numRuns: 200 },
  );
  // Without any, this would have shown nothing.
  expect(takeovers).toBeGreaterThan(20);
}, 120_000);

/** What is stored, and the processes that execute the run one after the other. */
function openWorld(mode: 'step' | 'paused', delays: readonly number[]) {
  const run: RunPatch & { holder: string | null } = { status: 'running', mode, resumable: false, holder: 'p0', started_at: new Date().toISOString() };
  const steps = new Map<string, WrittenStep>();
  const snapshots = new Map<string, WrittenSnapshot>();
  const commands = new Map<string, CommandRow>();
  const executed: string[] = [];
  let asked = 0;
  let takeovers = 0;
  let current = startProcess('p0', undefined);

  async function late(): Promise<void> {
    for (let turn = delays[asked++ % delays.length]!; turn > 0; turn--) await nextTurn();
  }

  function startProcess(name: string, takenUp: TakenUp | undefined) {
    const process = { isAlive: true, lands: false };
    let feed: ControlFeed | undefined;
    let queue: Promise<void> = Promise.resolve();
    let first = true;
    const store = (rows: Rows) => {
      if (run.holder !== name) return;
      Object.assign(run, rows.run);
      for (const step of rows.steps ?? []) steps.set(step.id, step);
      for (const snapshot of rows.snapshots ?? []) snapshots.set(snapshot.id, snapshot);
    };
    /** Nobody answers a process that is gone. */
    const answer = async <T>(value: () => T): Promise<T> => {
      await late();
      if (!process.isAlive) return await new Promise<T>(() => undefined);
      return value();
    };
    const link: RunLink = {
      sink: {
        write: (rows) => {
          queue = queue.then(late).then(() => {
            // Of a process that is killed, one request may still be on its way.
            if (process.isAlive || (process.lands && first)) store(rows);
            if (!process.isAlive) first = false;
          });
        },
        flush: () => queue,
        close: async () => undefined,
      },
      controls: {
        follow: async (wanted) => {
          feed = wanted;
          for (const command of commands.values()) if (command.state === 'pending') feed.onCommand(command);
          return () => (feed = undefined);
        },
        settle: async (id, state) => {
          if (state === 'accepted') await queue;
          return await answer(() => {
            const command = commands.get(id)!;
            const mayMove = run.holder === name && (command.state === 'pending' || (command.state === 'accepted' && state !== 'accepted'));
            if (!mayMove) return false;
            commands.set(id, { ...command, state });
            if (state === 'accepted' && goesOn.has(command.verb)) run.resumable = false;
            return true;
          });
        },
        lease: async () => undefined,
      leave: async () => {
          await queue;
          return await answer(() => {
            if (run.holder !== name) return false;
            run.resumable = false;
            return true;
          });
        },
      },
    };
    const recorder = createRunRecorder({ runId: 'run', link, mode: run.mode ?? mode, takenUp, isResumable: () => true });
    void execute(recorder, takenUp, () => process.isAlive).catch(() => undefined);
    return {
      hear: (command: CommandRow) => feed?.onCommand(command),
      kill: (lands: boolean) => Object.assign(process, { isAlive: false, lands }),
      heartbeatFails: () => feed?.onHolderLost?.(),
    };
  }

  async function execute(recorder: RunRecorder, takenUp: TakenUp | undefined, isAlive: () => boolean): Promise<void> {
    await recorder.listen();
    recorder.begin();
    const done = new Set([...steps.values()].filter((step) => step.status === 'completed').map((step) => step.step_key));
    const entered = new Set(takenUp?.open.filter(({ step }) => step.status === 'running').map(({ step }) => step.step_key));
    const runStep = async (key: string, inner: readonly string[] = []): Promise<void> => {
      if (done.has(key)) return;
      const step = recorder.open(specOf(key), { key });
      if (!entered.has(key)) await recorder.checkpoint(step, () => ({ at: key }));
      if (!isAlive()) return await new Promise(() => undefined);
      recorder.start(step, { at: key });
      if (!entered.has(key)) executed.push(key);
      await late();
      for (const one of inner) await runStep(one);
      recorder.complete(step, { outputs: {}, stateAfter: { at: key } });
    };
    await runStep('1');
    await runStep('2', ['2.a', '2.b']);
    await runStep('3');
    await recorder.end('completed');
  }

  /** As `interrupt_lost_runs`, and the next process that claims. */
  function loseHolder(): void {
    for (const [id, command] of commands) if (command.state === 'accepted') commands.set(id, { ...command, state: 'refused' });
    if (run.status !== 'paused' || run.resumable !== true) {
      run.status = 'interrupted';
      return;
    }
    takeovers += 1;
    const name = `p${takeovers}`;
    run.holder = name;
    const held = [...steps.values()].find((step) => step.status === 'held')!;
    const open = [...steps.values()].filter((step) => step === held || (step.status === 'running' && held.step_key.startsWith(`${step.step_key}.`)));
    current = startProcess(name, {
      startedAt: run.started_at ?? null,
      hold: { reason: run.pause_reason ?? 'pause', by: null, since: run.paused_at ?? null, leaseUntil: null, approval: null },
      open: open.map((step) => ({ step, snapshot: [...snapshots.values()].find((one) => one.step_key === step.step_key) })),
      pauseAt: [],
    });
  }
  const hasEnded = (): boolean => run.status === 'completed' || run.status === 'interrupted' || run.status === 'cancelled';

  return {
    run,
    executed,
    hasEnded,
    takeovers: () => takeovers,
    steps: () => [...steps.values()],
    edits: () => [...commands.values()].filter(({ verb }) => verb === 'edit').length,
    editsMade: () => [...steps.values()].reduce((sum, { metadata }) => sum + (typeof metadata['edits'] === 'number' ? metadata['edits'] : 0), 0),
    make: async (move: Move): Promise<void> => {
      if (hasEnded()) return;
      switch (move.do) {
        case 'send': {
          const id = `c${commands.size}`;
          const payload = move.verb === 'edit' ? { patch: [{ op: 'add' as const, path: `/${id}`, value: 1 }] } : {};
          const command: CommandRow = {
            id, test_run_id: 'run', verb: move.verb, payload, sender: null, sender_name: 'somebody', state: 'pending', reason: null,
            expires_at: '2100-01-01T00:00:00Z', seq: commands.size, created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z',
          };
          commands.set(id, command);
          current.hear(command);
          return;
        }
        case 'again': {
          const command = [...commands.values()][move.which];
          if (command !== undefined) current.hear(command);
          return;
        }
        case 'wait':
          for (let turn = 0; turn < move.turns; turn++) await nextTurn();
          return;
        case 'kill':
          if (move.atExecution) {
            const before = executed.length;
            for (let turn = 0; turn < 30 && executed.length === before; turn++) await nextTurn();
          }
          current.kill(move.lands);
          // Its last request lands before it counts as gone, which takes half a minute.
          for (let turn = 0; turn < 12; turn++) await nextTurn();
          return loseHolder();
        case 'lose': {
          const lost = current;
          // It is held, and nothing of it is on its way; what it says from here on is not taken.
          if (run.status !== 'paused' || run.resumable !== true) return;
          loseHolder();
          await nextTurn();
          return lost.heartbeatFails();
        }
      }
    },
  };
}

function specOf(key: string): StepSpec {
  const depth = key.includes('.') ? 1 : 0;
  return { key, parentKey: depth === 0 ? null : '2', display: key.replace('.', ''), number: Number(key[0]), name: `Step ${key}`, depth, context: 'server', effect: 'none', canEdit: true, canRerun: true };
}
