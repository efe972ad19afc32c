import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import type { StepValues } from '../core/compare/comparison.ts';
import { fromManifest } from '../core/manifest.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { BlobRow, SnapshotRow, StateManifest } from '../protocol/rows.ts';
import type { ValueReader } from './comparing.ts';
import { request } from './request.ts';
import { blobText, hashesOf } from './snapshots.ts';

/** Steps, and blobs, named in one request; their names travel in its address. */
const STEPS_A_REQUEST = 25;
const BLOBS_A_REQUEST = 40;
/** Contents kept for the next steps, as JSON text: a state changes in a few places from step to step, and little between runs. */
const KEPT_LENGTH = 64 * 1024 * 1024;

const ValueRow = SnapshotRow.pick({ id: true, step_key: true, attempt: true, inputs: true, outputs: true, state_before: true, state_after: true });
type ValueRow = z.infer<typeof ValueRow>;

/** See {@link ValueReader}. Of equal contents there is one value, so that comparing it with itself costs nothing. */
export function readStepValues(supabase: SupabaseClient, url: string): ValueReader {
  const kept = new Map<string, { readonly value: Json; readonly length: number }>();
  let keptLength = 0;

  const readBlobs = async (runId: string, hashes: readonly string[]): Promise<void> => {
    for (let i = 0; i < hashes.length; i += BLOBS_A_REQUEST) {
      const query = supabase.from('snapshot_blobs').select('*').eq('test_run_id', runId).in('hash', hashes.slice(i, i + BLOBS_A_REQUEST));
      for (const blob of await request(url, 'read the state', query, z.array(BlobRow))) {
        const text = await blobText(blob);
        if (kept.has(blob.hash)) continue;
        kept.set(blob.hash, { value: JSON.parse(text) as Json, length: text.length });
        keptLength += text.length;
      }
    }
  };
  /** Those not used for longest go first: the order of a map is that of insertion. */
  const use = (hash: string): Json | undefined => {
    const known = kept.get(hash);
    if (known === undefined) return undefined;
    kept.delete(hash);
    kept.set(hash, known);
    return known.value;
  };
  const forget = (): void => {
    for (const [hash, { length }] of kept) {
      if (keptLength <= KEPT_LENGTH) return;
      kept.delete(hash);
      keptLength -= length;
    }
  };

  return async (runId, steps) => {
    const wanted = new Map(steps.map((step) => [step.step_key, step.attempt]));
    const keys = [...wanted.keys()];
    const found = new Map<string, StepValues>();
    for (let i = 0; i < keys.length; i += STEPS_A_REQUEST) {
      const columns = Object.keys(ValueRow.shape).join(',');
      const query = supabase.from('test_execution_snapshots').select(columns).eq('test_run_id', runId).in('step_key', keys.slice(i, i + STEPS_A_REQUEST));
      const rows = (await request(url, 'read the snapshots', query.order('attempt'), z.array(ValueRow))).filter((row) => row.attempt === wanted.get(row.step_key));
      await readBlobs(runId, [...new Set(rows.flatMap((row) => hashesOf(row as SnapshotRow)))].filter((hash) => !kept.has(hash)));
      for (const row of rows) found.set(row.step_key, valuesOf(row, use));
      forget();
    }
    return found;
  };
}

function valuesOf(row: ValueRow, value: (hash: string) => Json | undefined): StepValues {
  const whole = (stored: Json | null): JsonObject | null => {
    const manifest = StateManifest.safeParse(stored);
    if (!manifest.success) return fromManifest(stored, () => undefined);
    const { keys, inline, blobs } = manifest.data;
    const part = (key: string): Json => (Object.hasOwn(inline, key) ? inline[key]! : (value(blobs[key] ?? '') ?? { $truncated: 0, hash: blobs[key] ?? '' }));
    return Object.fromEntries(keys.map((key) => [key, part(key)]));
  };
  return { inputs: whole(row.inputs), outputs: whole(row.outputs), stateBefore: whole(row.state_before), stateAfter: whole(row.state_after) };
}
