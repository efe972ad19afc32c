import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { connectHolder } from '../client/connect-holder.ts';
import { blobText } from '../client/snapshots.ts';
import { AWAITS_APPROVAL } from '../core/command-rules.ts';
import { encodeValue } from '../core/encode-value.ts';
import { firstLoss } from '../core/first-loss.ts';
import { fromManifest } from '../core/manifest.ts';
import { isObject, isTagged } from '../core/value-tags.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import type { Trace } from '../protocol/trace.ts';
import { finalStepStatuses, type OnLeaseEnd } from '../protocol/vocabulary.ts';
import { findTarget } from './configure.ts';
import type { ExecutionFlow, ExecutionStep } from './flow.ts';
import { readFlow } from './load-flow.ts';
import type { TakenUp } from './taken-up.ts';

/** A run of a program that was ended while it was held, and that this process goes on with. */
export interface ResumedRun {
  readonly flow: ExecutionFlow;
  readonly holderId: string;
  readonly pipelineKey: string | undefined;
  readonly onLeaseEnd: OnLeaseEnd;
  readonly takenUp: TakenUp;
  /** The step it is held before, with the inputs and the state before it. */
  readonly heldBefore: ExecutionStep;
  /** The steps that have ended, by key. */
  readonly ended: ReadonlyMap<string, ExecutionStep>;
}

/** Under this name a step says that it returned nothing, or no object: that is stored as the `value` of one. */
const OUTPUTS = 'outputs';

/** The mark for outputs that are no object by themselves. */
export function outputsMark(outputs: unknown): JsonObject | undefined {
  if (outputs === undefined) return { [OUTPUTS]: 'none' };
  const encoded = encodeValue(outputs);
  return isObject(encoded) && !isTagged(encoded) ? undefined : { [OUTPUTS]: 'value' };
}

/** What a step returned. */
export function valueOf({ outputs, metadata }: ExecutionStep): unknown {
  const mark = (metadata as JsonObject | undefined)?.[OUTPUTS];
  if (mark === 'none') return undefined;
  return mark === 'value' ? (outputs as { readonly value: unknown }).value : outputs;
}

/** How often a holder that may be gone is looked for. */
const LOOK_MS = 500;

/**
 * Takes up a run of a program that said it is `resumable`. Its earlier process counts as gone once it was not heard of
 * for {@link limits.heartbeatExpiryMs}; until then this waits.
 *
 * Throws `not-found`, and `conflict` for a run that is not held before a step, that cannot be taken up, or that another
 * process executes.
 */
export async function resumeRun(testRunId: string): Promise<ResumedRun> {
  const target = findTarget();
  if ('missing' in target) throw new UserError('unavailable', `the run cannot be read: ${target.missing}`, { hint: 'Start a backend with `stepscope`, or call configure({ url, key })' });
  const loaded = await readFlow(testRunId);
  if (loaded === undefined) throw new UserError('not-found', `no run ${testRunId}`);
  const { flow, trace } = loaded;
  const heldBefore = flow.steps.find((step) => step.status === 'held');
  if (heldBefore === undefined || !trace.run.resumable) {
    const why = flow.status === 'paused' ? 'cannot be taken up where it is held: its log says why' : `is ${flow.status}`;
    throw new UserError('conflict', `the run ${testRunId} ${why}`, { hint: 'Say `resumable: true` when it begins, and hold it before a step' });
  }
  const ended = new Map(flow.steps.filter((step) => finalStepStatuses.has(step.status)).map((step) => [step.key, step]));
  await refuseLosses(trace);

  const holder = connectHolder(target);
  const holderId = `${hostname()}:${process.pid}:${randomUUID()}`;
  try {
    const untilMs = Date.now() + limits.heartbeatExpiryMs + limits.heartbeatMs;
    while (!(await holder.takeUpRun(testRunId, holderId))) {
      if (Date.now() > untilMs) throw new UserError('conflict', `another process executes the run ${testRunId}`);
      await wait(LOOK_MS);
    }
  } finally {
    await holder.close();
  }
  const { pipeline_key: pipelineKey, on_lease_end: onLeaseEnd } = trace.run;
  return { flow, holderId, pipelineKey: pipelineKey ?? undefined, onLeaseEnd, takenUp: takenUpOf(trace, heldBefore), heldBefore, ended };
}

/** Nobody can go on from a result that is not there. */
async function refuseLosses({ steps, snapshots, blobs }: Trace): Promise<void> {
  const texts = new Map<string, string>();
  for (const blob of blobs) texts.set(blob.hash, await blobText(blob));
  for (const step of steps.filter(({ status }) => status === 'completed')) {
    const snapshot = snapshots.find((one) => one.step_key === step.step_key && one.attempt === step.attempt);
    const loss = firstLoss(fromManifest(snapshot?.outputs ?? null, (hash) => texts.get(hash)));
    if (loss === undefined) continue;
    throw new UserError('conflict', `step ${step.display} returned ${loss.path.slice(1).replaceAll('/', '.')}, which ${loss.what}: the run cannot be taken up`, {
      hint: 'Return from steps what can be recorded; read secrets anew where they are needed',
    });
  }
}

function takenUpOf({ run, steps, snapshots, commands }: Trace, held: ExecutionStep): TakenUp {
  const approval = steps.find((step) => step.id === held.id)?.metadata[AWAITS_APPROVAL];
  return {
    startedAt: run.started_at,
    hold: {
      reason: run.pause_reason ?? 'pause',
      by: run.paused_by,
      since: run.paused_at,
      leaseUntil: run.lease_until,
      approval: typeof approval === 'string' ? approval : null,
    },
    open: steps.map(({ seq: _seq, created_at: _created, updated_at: _updated, ...step }) => {
      const found = snapshots.find((one) => one.step_key === step.step_key && one.attempt === step.attempt);
      if (found === undefined) return { step, snapshot: undefined };
      const { created_at: _begun, updated_at: _changed, ...snapshot } = found;
      return { step, snapshot };
    }),
    pauseAt: commands.flatMap(({ verb, state, payload }) => (verb === 'pause' && state === 'done' ? (payload.step ?? []) : [])),
  };
}
