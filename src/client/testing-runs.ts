import { createHash, randomUUID } from 'node:crypto';
import type { RecordedRun, StepValues } from '../core/compare/comparison.ts';
import { toManifest } from '../core/manifest.ts';
import type { Batch } from '../protocol/batch.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { StepRow } from '../protocol/rows.ts';
import type { Holder } from './holder.ts';

const STEPS_A_BATCH = 100;

/** Stores a run as a tracker would, with values by step key, and says its id. */
export async function storeRun(
  holder: Pick<Holder, 'ingest' | 'storeBlobs'>,
  { run, steps }: RecordedRun,
  values: ReadonlyMap<string, Partial<StepValues>> = new Map(),
): Promise<string> {
  const runId = randomUUID();
  const { id: _id, seq: _seq, created_at: _created, updated_at: _updated, log_counts: _counts, ...columns } = run;
  await holder.ingest({ run_id: runId, holder_id: 'h', run: { ...columns, test_run_id: runId } });
  const stored = new Set<string>();
  const whole = async (value: JsonObject | null | undefined): Promise<JsonObject | null> => {
    if (value === null || value === undefined) return null;
    const { manifest, blobs } = toManifest(value, (text) => createHash('sha256').update(text).digest('hex'));
    const fresh = blobs.filter(({ hash }) => !stored.has(hash));
    for (const { hash } of fresh) stored.add(hash);
    if (fresh.length > 0) await holder.storeBlobs(fresh.map(({ hash, text }) => ({ test_run_id: runId, hash, encoding: 'json', body: text, bytes: text.length })));
    return manifest as unknown as JsonObject;
  };
  for (let i = 0; i < steps.length; i += STEPS_A_BATCH) {
    const some = steps.slice(i, i + STEPS_A_BATCH);
    const snapshots: NonNullable<Batch['snapshots']> = [];
    for (const step of some) {
      const value = values.get(step.step_key);
      if (value !== undefined) snapshots.push(snapshotOf(runId, step, { inputs: value.inputs ?? null, outputs: value.outputs ?? null, state_before: await whole(value.stateBefore), state_after: await whole(value.stateAfter) }));
    }
    const rows = some.map(({ seq: _seq, created_at: _at, updated_at: _then, ...step }) => ({ ...step, id: randomUUID(), test_run_id: runId }));
    await holder.ingest({ run_id: runId, holder_id: 'h', steps: rows, snapshots });
  }
  return runId;
}

function snapshotOf(runId: string, step: StepRow, values: { readonly inputs: JsonObject | null; readonly outputs: JsonObject | null; readonly state_before: JsonObject | null; readonly state_after: JsonObject | null }): NonNullable<Batch['snapshots']>[number] {
  return {
    id: randomUUID(), test_run_id: runId, step_key: step.step_key, step_number: step.step_number, step_name: step.step_name, attempt: step.attempt, ...values,
    source_code: null, source_line: null, highlight_from: null, highlight_to: null, function_name: null, file_path: null, can_edit: true, can_rerun: true, is_edited: false,
    started_at: step.started_at, completed_at: step.completed_at, duration_ms: step.duration_ms,
  };
}
