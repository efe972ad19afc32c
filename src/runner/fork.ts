import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readExchanges, readBlob, withBodies } from '../client/exchanges.ts';
import type { Holder } from '../client/holder.ts';
import { request, send } from '../client/request.ts';
import { blobText } from '../client/snapshots.ts';
import { readForkFacts } from '../client/start-run.ts';
import { latestAttempts, planFork, previewFork, refuseFork, type ForkPlan } from '../core/fork-plan.ts';
import { blobHashes, fromManifest } from '../core/manifest.ts';
import { uuidv7 } from '../core/uuid.ts';
import type { Json, JsonObject, PatchOperation } from '../protocol/json.ts';
import { BlobRow, SnapshotRow, StepRow, type RunRow } from '../protocol/rows.ts';
import type { ForkEffects } from '../protocol/run-request.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import type { Rows } from '../tracker/sink.ts';
import type { RecordedEffects } from './outside/replaying.ts';

/** What a fork begins with. */
export interface ForkStart {
  readonly step: string;
  readonly patch: readonly PatchOperation[];
  /** State before the step in the parent run, encoded; null when there was none. */
  readonly state: JsonObject | null;
  /** Inputs of the step as the parent run recorded them, encoded; null when it never came there. */
  readonly inputs: JsonObject | null;
  readonly reused: readonly string[];
  readonly entered: readonly string[];
}

/** A fork ready to run: its start, and the rows by which it shows what it reuses. */
export interface PreparedFork {
  readonly start: ForkStart;
  readonly rows: Rows;
  /** Answers in the place of the outside world, when effects shall not be repeated. */
  readonly recorded: RecordedEffects | undefined;
}

/**
 * Reads from the parent run what a fork needs: the state at its point and no other. The snapshots of the steps it reuses
 * are copied by the database. Undefined for a run that is none.
 *
 * Throws `usage` when the parent has no result to reuse, and when an effect on the outside world would
 * be repeated without leave; then nothing has run.
 */
export async function prepareFork(
  holder: Holder,
  run: RunRow,
  options: { readonly tree: readonly StepDefinition[]; readonly effects: ForkEffects; readonly holderId: string },
): Promise<PreparedFork | undefined> {
  const { parent_run_id: parentId, forked_from_step: forkStep } = run;
  if (parentId === null || forkStep === null) return undefined;
  const { url, db } = holder;
  const [steps, facts] = await Promise.all([readSteps(holder, parentId), readForkFacts(db, url, parentId)]);
  const plan = previewFork(options.tree, forkStep, steps, facts);
  refuseFork(plan, options.effects, facts);

  const latest = latestAttempts(steps);
  const reused = plan.reused.flatMap(({ key }) => latest.get(key) ?? []);
  const point = await readSnapshot(holder, parentId, forkStep);
  const before = point?.state_before ?? (await readSnapshot(holder, parentId, reused.at(-1)?.step_key))?.state_after ?? null;
  const texts = await readTexts(holder, parentId, [before, point?.inputs ?? null]);
  if (reused.length > 0) {
    const copy = { run_id: run.test_run_id, holder: options.holderId, parent_id: parentId, step_keys: reused.map(({ step_key }) => step_key) };
    await send(url, 'take over what the parent run recorded', db.rpc('copy_snapshots', copy));
  }
  return {
    start: {
      step: forkStep,
      patch: run.fork_patch ?? [],
      state: fromManifest(before, (hash) => texts.get(hash)),
      inputs: fromManifest(point?.inputs ?? null, (hash) => texts.get(hash)),
      reused: plan.reused.map(({ key }) => key),
      entered: plan.entered.map(({ key }) => key),
    },
    rows: {
      steps: reused.map(({ seq: _seq, created_at: _created, updated_at: _updated, ...step }) => ({
        ...step,
        id: uuidv7(Date.now(), randomBytes(10)),
        test_run_id: run.test_run_id,
        attempt: 1,
        status: step.status === 'skipped' ? ('skipped' as const) : ('reused' as const),
        reused_from_run_id: step.reused_from_run_id ?? parentId,
      })),
    },
    recorded: options.effects === 'recorded' ? await readAnswers(holder, parentId, plan, latest) : undefined,
  };
}

/** What the steps that are executed again heard the last time: in the parent run, or in the one whose result it had reused. */
async function readAnswers(holder: Holder, parentId: string, plan: ForkPlan, latest: ReadonlyMap<string, StepRow>): Promise<RecordedEffects> {
  const bySource = Map.groupBy(plan.executed, ({ key }) => latest.get(key)?.reused_from_run_id ?? parentId);
  const recorded = await Promise.all(
    [...bySource].map(async ([runId, steps]) => {
      const rows = await readExchanges(holder.db, holder.url, runId, steps.map(({ key }) => key));
      return await withBodies(rows, (hash) => readBlob(holder.db, holder.url, runId, hash));
    }),
  );
  return { runId: parentId, recorded: recorded.flat(), external: plan.executed.filter(({ effect }) => effect === 'external').map(({ key }) => key) };
}

/** For a fork that is taken up by another process: the answers it was begun with. */
export async function answersForFork(holder: Holder, run: RunRow, tree: readonly StepDefinition[]): Promise<RecordedEffects | undefined> {
  const { parent_run_id: parentId, forked_from_step: forkStep } = run;
  if (parentId === null || forkStep === null) return undefined;
  const steps = await readSteps(holder, parentId);
  return await readAnswers(holder, parentId, planFork(tree, forkStep, steps), latestAttempts(steps));
}

/** Place of the first exchange that a holder records: behind those of the holders before it. */
export async function nextExchange(holder: Holder, run: RunRow): Promise<number> {
  if (run.started_at === null) return 0;
  const query = holder.db.from('recorded_exchanges').select('ordinal').eq('test_run_id', run.test_run_id).order('ordinal', { ascending: false }).limit(1);
  const [last] = await request(holder.url, 'read what was recorded', query, z.array(z.object({ ordinal: z.int() })));
  return last === undefined ? 0 : last.ordinal + 1;
}

/** A page of rows; larger ones are cut by the backend. */
const PAGE = 500;
/** Blobs named in one request; their hashes travel in its address. */
const BLOBS_A_REQUEST = 40;

export async function readSteps(holder: Holder, runId: string): Promise<readonly StepRow[]> {
  const rows: StepRow[] = [];
  for (;;) {
    const query = holder.db.from('test_execution_steps').select('*').eq('test_run_id', runId).order('id').range(rows.length, rows.length + PAGE - 1);
    const page = await request(holder.url, 'read the steps of the parent run', query, z.array(StepRow));
    rows.push(...page);
    if (page.length < PAGE) return rows;
  }
}

/** Of the latest attempt. */
export async function readSnapshot(holder: Holder, runId: string, stepKey: string | undefined): Promise<SnapshotRow | undefined> {
  if (stepKey === undefined) return undefined;
  const query = holder.db.from('test_execution_snapshots').select('*').eq('test_run_id', runId).eq('step_key', stepKey).order('attempt', { ascending: false }).limit(1);
  return (await request(holder.url, 'read a state of the parent run', query, z.array(SnapshotRow)))[0];
}

/** The large values of some states, by hash. */
export async function readTexts(holder: Holder, runId: string, states: readonly (Json | null)[]): Promise<ReadonlyMap<string, string>> {
  const hashes = [...new Set(states.flatMap(blobHashes))];
  const texts = new Map<string, string>();
  for (let at = 0; at < hashes.length; at += BLOBS_A_REQUEST) {
    const query = holder.db.from('snapshot_blobs').select('*').eq('test_run_id', runId).in('hash', hashes.slice(at, at + BLOBS_A_REQUEST));
    for (const blob of await request(holder.url, 'read a state of the parent run', query, z.array(BlobRow))) texts.set(blob.hash, await blobText(blob));
  }
  return texts;
}
