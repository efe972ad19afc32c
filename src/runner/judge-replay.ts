import type { StepSnapshot } from '../client/backend.ts';
import { assembleSnapshot, hashesOf } from '../client/snapshots.ts';
import { compareEnd, compareStart, type SeenStep, type StepDivergence } from '../core/replay-compare.ts';
import { flattenSteps } from '../core/step-reference.ts';
import type { BlobRow, RunRow, SnapshotRow, StepRow } from '../protocol/rows.ts';
import type { Rows } from '../tracker/sink.ts';
import type { Divergence as RequestDivergence } from './outside/replaying.ts';

/** A step as people name it. */
export interface NamedStep {
  readonly key: string;
  readonly display: string;
  readonly name: string;
}

export interface Divergence extends StepDivergence {
  /** Null for what belongs to no step, as what is put right at the end. */
  readonly step: NamedStep | null;
}

export interface JudgeOptions {
  readonly run: RunRow;
  /** The latest attempt at each step, by key. */
  readonly recorded: ReadonlyMap<string, StepRow>;
  readonly snapshot: (stepKey: string, attempt: number) => Promise<StepSnapshot | undefined>;
  /** Steps in which the run broke off what it waited for. */
  readonly brokenOff: ReadonlySet<string>;
  readonly all: boolean;
  /** Nothing more will be judged. */
  readonly onEnough: () => void;
}

/** Hears what a replay does and says where it is not what was recorded. */
export interface ReplayJudge {
  /** Today's code asked something else. */
  readonly request: (divergence: RequestDivergence) => void;
  readonly rows: (rows: Rows) => void;
  /** The run has ended, or its thread has, with this message. */
  readonly end: (death: string | undefined) => Promise<void>;
  /** Resolves when all that was heard is judged. */
  readonly idle: () => Promise<void>;
  readonly verdict: () => { readonly steps: number; readonly divergences: readonly Divergence[]; readonly endedEarly: string | undefined };
}

/** Compares what a replay records with what was recorded, in the order in which it comes. */
export function judgeReplay(options: JudgeOptions): ReplayJudge {
  const { recorded, brokenOff } = options;
  const names = new Map<string, NamedStep>(flattenSteps(options.run.step_tree ?? []).map(({ key, display, name }) => [key, { key, display, name }]));
  for (const { step_key: key, display, step_name: name } of recorded.values()) names.set(key, { key, display, name });
  const divergences: Divergence[] = [];
  const blobs = new Map<string, BlobRow>();
  const reached = new Set<string>();
  const open = new Map<string, StepRow>();
  let compared = 0;
  let run: Rows['run'] = {};
  let endedEarly: string | undefined;
  let isEnough = false;
  let turn: Promise<void> = Promise.resolve();
  let failure: unknown;

  const enough = (): void => {
    isEnough = true;
    options.onEnough();
  };
  const found = (key: string | null, some: readonly StepDivergence[]): void => {
    for (const one of some) {
      if (isEnough) return;
      divergences.push({ ...one, step: key === null ? null : (names.get(key) ?? { key, display: '', name: key }) });
      if (!options.all) enough();
    }
  };
  const queue = (work: () => Promise<void> | void): void => {
    turn = turn.then(async () => {
      if (!isEnough && failure === undefined) await work();
    }).catch((error: unknown) => {
      failure = error;
      options.onEnough();
    });
  };

  const onStep = async (row: StepRow, snapshot: SnapshotRow | undefined): Promise<void> => {
    const key = row.step_key;
    names.set(key, names.get(key) ?? { key, display: row.display, name: row.step_name });
    if (!['running', 'completed', 'failed', 'skipped'].includes(row.status)) return;
    const before = recorded.get(key);
    if (before === undefined) return found(key, reached.has(key) ? [] : (reached.add(key), [{ what: 'step', path: '', expected: undefined, actual: row.step_name }]));
    if (!['completed', 'failed', 'skipped'].includes(before.status)) {
      endedEarly = `the recorded run was ${before.status} at ${before.display} ${before.step_name}`;
      return enough();
    }
    reached.add(key);
    const then = seen(before, await options.snapshot(key, before.attempt));
    const now = await seenToday(row, snapshot, blobs);
    if (row.status === 'running') {
      open.set(key, row);
      return found(key, compareStart(then, now));
    }
    open.delete(key);
    compared += 1;
    // What the run broke off itself says nothing of the code: its time was up, and a replay takes none.
    if (before.status === 'failed' && brokenOff.has(key)) {
      endedEarly = `the recorded run broke off what it waited for at ${before.display} ${before.step_name}`;
      return enough();
    }
    found(key, compareEnd(then, now));
  };

  return {
    request: ({ step, path, expected, actual }) => queue(() => found(step, [{ what: 'request', path, expected, actual }])),
    rows: (rows) =>
      queue(async () => {
        for (const blob of rows.blobs ?? []) blobs.set(blob.hash, blob as BlobRow);
        if (rows.run !== undefined) run = { ...run, ...rows.run };
        for (const step of rows.steps ?? []) {
          if (isEnough) return;
          await onStep(step as StepRow, rows.snapshots?.find((one) => one.step_key === step.step_key) as SnapshotRow | undefined);
        }
      }),
    idle: async () => {
      await turn;
      if (failure !== undefined) throw failure;
    },
    end: async (death) => {
      if (isEnough) return;
      for (const key of open.keys()) {
        const before = recorded.get(key)!;
        if (before.error_message !== death) found(key, [{ what: 'error', path: '', expected: before.error_message, actual: death ?? null }]);
      }
      for (const [key, { status }] of recorded) {
        if (['completed', 'failed'].includes(status) && !reached.has(key)) found(key, [{ what: 'step', path: '', expected: names.get(key)!.name, actual: undefined }]);
      }
      const { status, error_message: error } = options.run;
      const now = death === undefined ? { status: run?.status, error: run?.error_message ?? null } : { status: 'failed', error: death };
      if (status === 'interrupted' || status === 'cancelled') return;
      if (status !== now.status) found(null, [{ what: 'run', path: '/status', expected: status, actual: now.status }]);
      else if (error !== now.error) found(null, [{ what: 'run', path: '/error_message', expected: error, actual: now.error }]);
      await turn;
    },
    verdict: () => ({ steps: compared, divergences, endedEarly }),
  };
}

async function seenToday(row: StepRow, snapshot: SnapshotRow | undefined, blobs: ReadonlyMap<string, BlobRow>): Promise<SeenStep> {
  const named = snapshot === undefined ? [] : hashesOf(snapshot).flatMap((hash) => blobs.get(hash) ?? []);
  return seen(row, snapshot === undefined ? undefined : await assembleSnapshot(snapshot, named));
}

function seen(row: StepRow, snapshot: StepSnapshot | undefined): SeenStep {
  return {
    status: row.status,
    error: row.error_message,
    inputs: snapshot?.inputs ?? null,
    outputs: snapshot?.outputs ?? null,
    stateBefore: snapshot?.stateBefore ?? null,
    stateAfter: snapshot?.stateAfter ?? null,
  };
}
