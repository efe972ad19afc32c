import { isSteering, whyRefused } from '../core/command-rules.ts';
import { formatSpan } from '../core/format.ts';
import { afterHold, decideGate, decideStops, initialGate, letsPass, steer as steerGate } from '../core/gate.ts';
import type { PauseLease } from '../core/command-rules.ts';
import type { Checkpoint, GateDecision, GateState } from '../core/gate.ts';
import { afterReason } from '../core/hold-reason.ts';
import type { Json, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import type { LeaseReport } from '../protocol/lease.ts';
import type { CommandRow, CommandVerb, StepRow } from '../protocol/rows.ts';
import type { LogLevel, OnLeaseEnd, RunMode, RunStatus } from '../protocol/vocabulary.ts';
import type { Unsubscribe } from '../client/backend.ts';
import { createBreakWatch } from './break-watch.ts';
import type { BreakWatchOptions } from './break-watch.ts';
import { createHoldLease } from './hold-lease.ts';
import { clockAt } from './clock-at.ts';
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

/** Why and for how long a run is held. */
export interface HoldFacts {
  readonly reason: string;
  readonly by: string | null;
  readonly leaseUntil: string;
  /** What is asked, when only an approval lets it go on. */
  readonly approval: string | null;
  /** Since when, for a hold that another process began. */
  readonly since?: string | null | undefined;
}

/** A hold that another process began and left, as it stands in the run's row. */
export interface EarlierHold {
  readonly reason: string;
  readonly by: string | null;
  readonly since: string | null;
  readonly leaseUntil: string | null;
  readonly approval: string | null;
}

export interface GateKeeperOptions {
  readonly controls: Controls;
  readonly mode: RunMode;
  readonly breakAt: readonly string[];
  readonly onLeaseEnd: OnLeaseEnd;
  readonly leaseMs: number;
  readonly status: () => RunStatus;
  readonly steps: () => readonly Pick<StepRow, 'step_key' | 'display' | 'status' | 'can_edit' | 'metadata'>[];
  /** An earlier holder has left the run held: nothing is obeyed before {@link GateKeeper.holdAgain}. */
  readonly startsHeld?: boolean | undefined;
  /** Steps to hold before once, from pauses that an earlier holder obeyed. */
  readonly pauseAt?: readonly string[] | undefined;
  /** May somebody else take the run up where it is held now? Then they are told before it goes on. */
  readonly isShared: () => boolean;
  readonly onMode: (mode: RunMode) => void;
  readonly onHold: (stepId: string, hold: HoldFacts) => void;
  readonly onLease: (leaseUntil: string, by: string | undefined) => void;
  /** What became of the run when the lease of a terminal ended, for its log. */
  readonly onLeaseEnded: (what: string) => void;
  readonly onRelease: (stepId: string, heldMs: number) => void;
  /** Returns why the edit does not fit. */
  readonly onEdit: (stepId: string, patch: readonly PatchOperation[]) => string | undefined;
  readonly onCancel?: ((cancelled: RunCancelled) => void) | undefined;
  /** What the expressions of breakpoints see at a step. */
  readonly scopeOf: BreakWatchOptions['scopeOf'];
  /** Writes what breakpoints have to say to the run's log. */
  readonly onLine: BreakWatchOptions['write'];
}

/** What {@link createGateKeeper} gives. */
export type GateKeeper = ReturnType<typeof createGateKeeper>;

interface Hold {
  readonly stepId: string;
  readonly step: Checkpoint;
  readonly sinceMs: number;
  readonly needsApproval: boolean;
  readonly release: () => void;
  readonly reject: (reason: Error) => void;
}

/** How soon a run that may go on asks again for leave, when nobody answered. */
const ASK_AGAIN_MS = 5_000;

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
  let gate: GateState = { ...initialGate(options.mode), pauseAt: options.pauseAt ?? [] };
  let breakAt = [...options.breakAt];
  let heldMs = 0;
  let pausedBy: string | null = null;
  let leaving: NodeJS.Timeout | undefined;
  let unfollow: Unsubscribe | undefined;
  let isClosed = false;
  const heldAgain = Promise.withResolvers<void>();
  // What was sent to a run that is held is for the hold; here it has yet to come to it.
  let obeying: Promise<void> = options.startsHeld ? heldAgain.promise : Promise.resolve();

  const breaks = createBreakWatch({
    scopeOf: options.scopeOf,
    write: options.onLine,
    heldMs: () => heldMs + (holds.length > 0 ? performance.now() - holds[0]!.sinceMs : 0),
  });
  const heldStep = () => holds.at(-1)?.step ?? null;

  /** Steers without releasing. */
  const turn = (verb: CommandVerb, step?: string, by?: string) => {
    const mode = gate.mode;
    gate = steerGate(gate, verb, heldStep(), step);
    // Whoever steers it is who holds it next. After `continue` nobody does.
    if (verb === 'continue') pausedBy = null;
    else if (verb === 'pause' || letsPass(verb)) pausedBy = by ?? null;
    if (gate.mode !== mode) options.onMode(gate.mode);
  };
  const release = () => {
    lease.stop();
    clearTimeout(leaving);
    for (const hold of holds.splice(0)) hold.release();
  };
  /** Lets the run go on without a command of somebody: not past an approval, and not where another process may have it. */
  const goOn = () => {
    if (holds.some((hold) => hold.needsApproval)) return;
    if (holds.length === 0 || !options.isShared()) return release();
    const asked = holds.at(-1);
    const ask = async () => {
      const mayGo = await controls.leave().catch(() => false);
      if (holds.at(-1) !== asked || abort.signal.aborted) return;
      if (mayGo) return release();
      clearTimeout(leaving);
      leaving = setTimeout(() => void ask(), ASK_AGAIN_MS);
      leaving.unref();
    };
    void ask();
  };
  /** From within the program. */
  const steer = (verb: CommandVerb, step?: string, by?: string) => {
    turn(verb, step, by);
    if (letsPass(verb)) goOn();
  };
  const cancel = (by?: string) => {
    if (abort.signal.aborted) return;
    const cancelled = new RunCancelled(by);
    abort.abort(cancelled);
    lease.stop();
    options.onCancel?.(cancelled);
    for (const hold of holds.splice(0)) hold.reject(cancelled);
  };
  const reject = (by: string | undefined, why: string) => {
    lease.stop();
    const rejection = new UserError('failed', `rejected by ${by ?? 'somebody'}: ${why}`);
    for (const hold of holds.splice(0)) hold.reject(rejection);
  };

  const lease = createHoldLease(options.leaseMs, () => {
    if (options.onLeaseEnd === 'continue') steer('continue');
    if (options.onLeaseEnd === 'cancel') cancel('its lease');
  });
  /** A terminal that held the pause was not heard of any more. What is done then is on record already. */
  const onLease = (report: Exclude<LeaseReport, { readonly state: 'none' }>) => {
    if (report.state === 'living') return lease.extend(report.expires_at);
    if (holds.length === 0) return;
    const consequence = { hold: 'it stays held', continue: 'it goes on', cancel: 'it is cancelled' }[report.act];
    options.onLeaseEnded(`The terminal of ${report.owner_name}, who had held the run for ${formatSpan(Math.max(0, Date.now() - Date.parse(report.taken_at)))}, was not heard of any more: ${consequence}`);
    if (report.act === 'continue') {
      turn('continue');
      release();
    }
    if (report.act === 'cancel') cancel(`the end of ${report.owner_name}'s lease`);
  };

  const hold = async (stepId: string, step: Checkpoint, decision: Extract<GateDecision, { kind: 'hold' }>, earlier?: EarlierHold) => {
    gate = afterHold(gate, step);
    // One that another process began has lasted since then, also while nobody held it.
    const heldFromMs = earlier?.since == null ? performance.now() : Math.min(performance.now(), clockAt(earlier.since));
    const { promise, resolve, reject: refuse } = Promise.withResolvers<void>();
    const approval = earlier?.approval ?? (decision.needsApproval ? (step.approval ?? `May it go on at ${step.display}?`) : null);
    holds.push({ stepId, step, sinceMs: heldFromMs, needsApproval: approval !== null, release: resolve, reject: refuse });
    const by = earlier === undefined ? pausedBy : earlier.by;
    options.onHold(stepId, { reason: decision.reason, by, leaseUntil: lease.start(earlier?.leaseUntil), approval, since: earlier?.since });
    pausedBy = null;
    // Nothing else may keep the process alive, and a held program must not end for that.
    const alive = setInterval(() => undefined, 2 ** 30);
    try {
      await promise;
    } finally {
      clearInterval(alive);
      const thisMs = performance.now() - heldFromMs;
      heldMs += thisMs;
      options.onRelease(stepId, thisMs);
    }
  };

  const situation = (command: CommandRow, lease: PauseLease | undefined) => ({
    lease,
    sender: { user: command.sender },
    run: { status: options.status(), mode: gate.mode },
    held: options.steps().find((step) => step.status === 'held') ?? null,
    steps: options.steps(),
  });
  /** `last`: what was held when the command was accepted. Its holder has told then that the run goes on from there. */
  const act = (command: CommandRow, last: Hold | undefined): string | undefined => {
    const by = command.sender_name ?? undefined;
    const { step, patch } = command.payload;
    switch (command.verb) {
      case 'cancel':
        cancel(by ?? 'somebody');
        return undefined;
      case 'lease':
      case 'take':
        options.onLease(lease.start(), by);
        return undefined;
      case 'approve':
        release();
        return undefined;
      case 'reject':
        reject(by, command.payload.why ?? '');
        return undefined;
      case 'edit':
        return options.onEdit(holds.at(-1)!.stepId, patch ?? []);
      default:
        turn(command.verb, step, by);
        if (letsPass(command.verb)) (holds.at(-1) === last ? release : goOn)();
        return undefined;
    }
  };
  const obey = async (command: CommandRow) => {
    if (isClosed) return;
    const owner = isSteering(command.verb) ? await controls.lease() : undefined;
    const refusal =
      Date.parse(command.expires_at) < Date.now() ? 'it came too late' : whyRefused(command.verb, command.payload, situation(command, owner));
    if (refusal !== undefined) return void (await controls.settle(command.id, 'refused', refusal));
    const last = holds.at(-1);
    if (!(await controls.settle(command.id, 'accepted'))) return;
    // While the answer was under way the run may have moved on.
    const reason = whyRefused(command.verb, command.payload, situation(command, owner)) ?? act(command, last);
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
        onBreakpoints: (all, times) => breaks.set(all, times),
        onLink: ({ state }) => {
          if (state === 'lost') giveUp();
        },
        onLease,
        // A run that is at work, or was deleted, is its program's affair; only where it is held can another have it.
        onHolderLost: () => {
          if (holds.length > 0 && options.isShared()) cancel('another process that executes it now');
        },
      });
      const followed = following.then((stop) => {
        if (isClosed) stop();
        else unfollow = stop;
      });
      await Promise.race([followed, lost]);
    },
    /** Stands before a step; `part` gives a top-level value of the state as it is stored. */
    checkpoint: async (stepId: string, step: Checkpoint, beforeHold: () => void, part?: (key: string) => Json | undefined) => {
      abort.signal.throwIfAborted();
      if (part !== undefined) breaks.sawState(stepId, step, part);
      const stops = [...breaks.take(stepId), ...breaks.met({ kind: 'before', step }, stepId)];
      const decision = askFirst(step, decideGate(gate, step, { stops, breakAt }));
      if (decision.kind === 'pass') return;
      beforeHold();
      await hold(stepId, step, decision);
      abort.signal.throwIfAborted();
    },
    /** Stands before a step at which an earlier holder of the run has held it, for the same reason. */
    holdAgain: async (stepId: string, step: Checkpoint, earlier: EarlierHold) => {
      abort.signal.throwIfAborted();
      const held = hold(stepId, step, { kind: 'hold', reason: earlier.reason, needsApproval: earlier.approval !== null }, earlier);
      heldAgain.resolve();
      await held;
      abort.signal.throwIfAborted();
    },
    started: (stepId: string, step: Checkpoint) => breaks.started(stepId, step),
    /** The step has completed. What it has met holds the run in {@link holdAfter}, or before the next step. */
    completed: (stepId: string, step: Checkpoint, part?: (key: string) => Json | undefined) => {
      if (part !== undefined) breaks.sawState(stepId, step, part);
      breaks.meetLater({ kind: 'after', step }, stepId);
    },
    ended: (stepId: string) => breaks.ended(stepId),
    /** Stands after a step that has ended. Rejects with `RunCancelled`. */
    holdAfter: async (stepId: string, step: Checkpoint) => {
      const decision = decideStops(breaks.take(stepId));
      if (decision.kind === 'pass') return;
      abort.signal.throwIfAborted();
      await hold(stepId, step, { ...decision, reason: afterReason(step.display, decision.reason) });
      abort.signal.throwIfAborted();
    },
    holdOnError: async (stepId: string, step: Checkpoint, error: { readonly message: string; readonly stack: string | null }) => {
      if (abort.signal.aborted) return;
      const decision = decideStops([...breaks.met({ kind: 'failed', step }, stepId, { error }), ...breaks.take(stepId)]);
      if (decision.kind === 'hold') await hold(stepId, step, { ...decision, reason: afterReason(step.display, decision.reason) });
    },
    logged: (stepId: string | null, step: Checkpoint | null, row: { readonly log_level: LogLevel; readonly message: string }, log: Json) => {
      breaks.meetLater({ kind: 'logged', step, level: row.log_level, message: row.message }, stepId, { log });
    },
    /** Adds to what the run has cost, in credits; returns the sum. */
    charge: (credits: number, stepId: string | null, step: Checkpoint | null): number => breaks.charge(credits, stepId, step),
    charged: () => breaks.charged(),
    /** Reasons that were met and for which the run could not be held any more. */
    missed: () => breaks.take('').map((stop) => stop.reason),
    close: () => {
      isClosed = true;
      breaks.close();
      lease.stop();
      clearTimeout(leaving);
      unfollow?.();
    },
  };
}

/** A step that asks for an approval holds for it whatever else is met there, and says so first. */
function askFirst(step: Checkpoint, decision: GateDecision): GateDecision {
  if (step.approval !== undefined) return { kind: 'hold', reason: `waiting for approval: ${step.approval}`, needsApproval: true };
  return decision.kind === 'hold' && decision.needsApproval ? { ...decision, reason: `waiting for approval: ${decision.reason}` } : decision;
}
