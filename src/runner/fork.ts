import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Holder } from '../client/holder.ts';
import { blobText, hashesOf } from '../client/snapshots.ts';
import { latestAttempts, planFork, refuseFork } from '../core/fork-plan.ts';
import { blobHashes, fromManifest } from '../core/manifest.ts';
import { uuidv7 } from '../core/uuid.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import { BlobRow, SnapshotRow, StepRow, type RunRow } from '../protocol/rows.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import type { Rows } from '../tracker/sink.ts';

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
  readonly blobs: readonly Omit<BlobRow, 'created_at'>[];
}

/**
 * Reads from the parent run what a fork needs. Undefined for a run that is none.
 *
 * Throws `usage` when the parent has no result to reuse, and when an effect on the outside world would
 * be repeated without leave; then nothing has run.
 */
export async function prepareFork(holder: Holder, run: RunRow, tree: readonly StepDefinition[], mayRepeat: boolean): Promise<PreparedFork | undefined> {
  const { parent_run_id: parentId, forked_from_step: forkStep } = run;
  if (parentId === null || forkStep === null) return undefined;
  const steps = await readAll(holder, 'test_execution_steps', parentId, StepRow);
  const plan = planFork(tree, forkStep, steps);
  refuseFork(plan, mayRepeat);

  const snapshots = await readAll(holder, 'test_execution_snapshots', parentId, SnapshotRow);
  const blobs = new Map((await readAll(holder, 'snapshot_blobs', parentId, BlobRow)).map((blob) => [blob.hash, blob]));
  const latest = latestAttempts(steps);
  const snapshotOf = (key: string): SnapshotRow | undefined => snapshots.find((one) => one.step_key === key && one.attempt === latest.get(key)?.attempt);
  const reused = plan.reused.flatMap(({ key }) => latest.get(key) ?? []);
  const point = snapshotOf(forkStep);
  const before = point?.state_before ?? snapshotOf(reused.at(-1)?.step_key ?? '')?.state_after ?? null;

  const id = (): string => uuidv7(Date.now(), randomBytes(10));
  const copies = reused.flatMap((step) => snapshotOf(step.step_key) ?? []);
  const wanted = new Set(copies.flatMap(hashesOf));
  const texts = new Map<string, string>();
  for (const hash of [before, point?.inputs ?? null].flatMap(blobHashes)) {
    const blob = blobs.get(hash);
    if (blob !== undefined) texts.set(hash, await blobText(blob));
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
        id: id(),
        test_run_id: run.test_run_id,
        attempt: 1,
        status: step.status === 'skipped' ? ('skipped' as const) : ('reused' as const),
        reused_from_run_id: step.reused_from_run_id ?? parentId,
      })),
      snapshots: copies.map(({ created_at: _created, updated_at: _updated, ...snapshot }) => ({ ...snapshot, id: id(), test_run_id: run.test_run_id, attempt: 1 })),
    },
    blobs: [...wanted].flatMap((hash) => {
      const blob = blobs.get(hash);
      if (blob === undefined) return [];
      const { created_at: _created, ...copy } = blob;
      return [{ ...copy, test_run_id: run.test_run_id }];
    }),
  };
}

/** A page of rows; larger ones are cut by the backend. */
const PAGE = 500;

async function readAll<Row>(holder: Holder, table: string, runId: string, schema: z.ZodType<Row>): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const order = table === 'snapshot_blobs' ? 'hash' : 'id';
  for (let from = 0; ; from += PAGE) {
    const { data, error } = await holder.db.from(table).select('*').eq('test_run_id', runId).order(order).range(from, from + PAGE - 1);
    if (error) throw new UserError('unavailable', `could not read the parent run: ${error.message}`);
    const page = z.array(schema).parse(data);
    rows.push(...page);
    if (page.length < PAGE) return rows;
  }
}
