import { whyRefused } from '../core/command-rules.ts';
import { afterHold, decideGate, decideOnError, initialGate, letsPass, steer as steerGate } from '../core/gate.ts';
import type { Checkpoint, GateDecision, StopPlaces } from '../core/gate.ts';
import type { PatchOperation } from '../protocol/json.ts';
import type { BreakpointRow, CommandRow, CommandVerb, StepRow } from '../protocol/rows.ts';
import type { OnLeaseEnd, RunMode, RunStatus } from '../protocol/vocabulary.ts';
import type { Unsubscribe } from '../client/backend.ts';
import type { Controls } from './sink.ts';

/** The run was cancelled by a person or by its lease. What `checkpoint` rejects with, and the reason of the run's signal. */
export class RunCancelled extends Error {
  override readonly name = 'RunCancelled';
  /** Who cancelled it, as people see them. */
  readonly by: string | undefined;

  constructor(by?: string) {
    super(by === undefined ? 'the run was cancelled' : `the run was cancelled by ${by}`);
    this.by = by;
  }
}

export interface GateKeeperOptions {
  readonly controls: Controls;
  readonly mode: RunMode;
  readonly breakAt: readonly string[];
  readonly onLeaseEnd: OnLeaseEnd;
  readonly leaseMs: number;
  readonly status: () => RunStatus;
  readonly steps: () => readonly Pick<StepRow, 'step_key' | 'display' | 'status' | 'can_edit'>[];
  readonly onMode: (mode: RunMode) => void;
  readonly onHold: (stepId: string, hold: { readonly reason: string; readonly by: string | null; readonly leaseUntil: string }) => void;
  readonly onLease: (leaseUntil: string, by: string | undefined) => void;
  readonly onRelease: (stepId: string, heldMs: number) => void;
  /** Returns why the edit does not fit. */
  readonly onEdit: (stepId: string, patch: readonly PatchOperation[]) => string | undefined;
  readonly onCancel?: ((cancelled: RunCancelled) => void) | undefined;
}

/** What {@link createGateKeeper} gives. */
export type GateKeeper = ReturnType<typeof createGateKeeper>;

interface Hold {
  readonly stepId: string;
  readonly step: Checkpoint;
  readonly release: () => void;
  readonly reject: (reason: RunCancelled) => void;
}

/**
 * The gate of one run: holds it before steps and obeys commands, each exactly once. A command is taken by
 * compare-and-set before anything is done, so one that is delivered twice, or to two processes, acts once.
 */
export function createGateKeeper(options: GateKeeperOptions) {
  const { controls } = options;
  const abort = new AbortController();
  // Named, so that the declarations of the package can name it too.
  const signal: AbortSignal = abort.signal;
  const holds: Hold[] = [];
  let gate = initialGate(options.mode);
  let breakAt = [...options.breakAt];
  let breakpoints: readonly BreakpointRow[] = [];
  let pausedBy: string | null = null;
  let lease: NodeJS.Timeout | undefined;
  let unfollow: Unsubscribe | undefined;
  let isClosed = false;
  let obeying: Promise<void> = Promise.resolve();

  const places = (): StopPlaces => ({ breakpoints, breakAt });
  const heldStep = () => holds.at(-1)?.step ?? null;

  const steer = (verb: CommandVerb, step?: string, by?: string) => {
    const mode = gate.mode;
    gate = steerGate(gate, verb, heldStep(), step);
    if (verb === 'pause') pausedBy = by ?? null;
    if (gate.mode !== mode) options.onMode(gate.mode);
    if (letsPass(verb)) release();
  };
  const release = () => {
    clearTimeout(lease);
    for (const hold of holds.splice(0)) hold.release();
  };
  const cancel = (by?: string) => {
    if (abort.signal.aborted) return;
    const cancelled = new RunCancelled(by);
    abort.abort(cancelled);
    clearTimeout(lease);
    options.onCancel?.(cancelled);
    for (const hold of holds.splice(0)) hold.reject(cancelled);
  };

  const startLease = (by?: string): string => {
    clearTimeout(lease);
    const until = new Date(Date.now() + options.leaseMs).toISOString();
    lease = setTimeout(() => {
      if (options.onLeaseEnd === 'continue') steer('continue');
      if (options.onLeaseEnd === 'cancel') cancel(by ?? 'its lease');
    }, options.leaseMs);
    lease.unref();
    return until;
  };

  const hold = async (stepId: string, step: Checkpoint, decision: Extract<GateDecision, { kind: 'hold' }>) => {
    gate = afterHold(gate, step);
    const heldFromMs = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    holds.push({ stepId, step, release: resolve, reject });
    options.onHold(stepId, { reason: decision.reason, by: pausedBy, leaseUntil: startLease() });
    pausedBy = null;
    // Nothing else may keep the process alive, and a held program must not end for that.
    const alive = setInterval(() => undefined, 2 ** 30);
    try {
      await promise;
    } finally {
      clearInterval(alive);
      options.onRelease(stepId, performance.now() - heldFromMs);
    }
  };

  const situation = () => ({
    run: { status: options.status(), mode: gate.mode },
    held: options.steps().find((step) => step.status === 'held') ?? null,
    steps: options.steps(),
  });
  const act = (command: CommandRow): string | undefined => {
    const by = command.sender_name ?? undefined;
    const { step, patch } = command.payload;
    switch (command.verb) {
      case 'cancel':
        cancel(by ?? 'somebody');
        return undefined;
      case 'lease':
        options.onLease(startLease(by), by);
        return undefined;
      case 'edit':
        return options.onEdit(holds.at(-1)!.stepId, patch ?? []);
      default:
        steer(command.verb, step, by);
        return undefined;
    }
  };
  const obey = async (command: CommandRow) => {
    if (isClosed) return;
    const refusal =
      Date.parse(command.expires_at) < Date.now() ? 'it came too late' : whyRefused(command.verb, command.payload, situation());
    if (refusal !== undefined) return void (await controls.settle(command.id, 'refused', refusal));
    if (!(await controls.settle(command.id, 'accepted'))) return;
    // While the answer was under way the run may have moved on.
    const reason = whyRefused(command.verb, command.payload, situation()) ?? act(command);
    await controls.settle(command.id, reason === undefined ? 'done' : 'refused', reason);
  };

  return {
    signal,
    steer,
    cancel,
    release,
    breakAt: () => breakAt as readonly string[],
    /** True when the run stops there from now on. */
    toggleBreakAt: (target: string): boolean => {
      const isSet = breakAt.includes(target);
      breakAt = isSet ? breakAt.filter((one) => one !== target) : [...breakAt, target];
      return !isSet;
    },
    /** Resolves once the first commands and breakpoints are in, or it is known that nobody answers; then they come later. */
    listen: async () => {
      const { promise: lost, resolve: giveUp } = Promise.withResolvers<void>();
      const following = controls.follow({
        onCommand: (command) => {
          // One after the other, in the order in which they were given. One that fails stays for a later reader.
          obeying = obeying.then(() => obey(command)).catch(() => undefined);
        },
        onBreakpoints: (all) => {
          breakpoints = all;
        },
        onLink: ({ state }) => {
          if (state === 'lost') giveUp();
        },
      });
      const followed = following.then((stop) => {
        if (isClosed) stop();
        else unfollow = stop;
      });
      await Promise.race([followed, lost]);
    },
    checkpoint: async (stepId: string, step: Checkpoint, beforeHold: () => void) => {
      abort.signal.throwIfAborted();
      const decision = decideGate(gate, step, places());
      if (decision.kind === 'pass') return;
      beforeHold();
      await hold(stepId, step, decision);
      abort.signal.throwIfAborted();
    },
    holdOnError: async (stepId: string, step: Checkpoint) => {
      const decision = decideOnError(places(), step);
      if (decision.kind === 'hold' && !abort.signal.aborted) await hold(stepId, step, decision);
    },
    close: () => {
      isClosed = true;
      clearTimeout(lease);
      unfollow?.();
    },
  };
}
