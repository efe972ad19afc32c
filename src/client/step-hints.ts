import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import type { StepHints } from '../core/compare/likeness.ts';
import { isObject } from '../core/value-tags.ts';
import type { Json } from '../protocol/json.ts';
import { SnapshotRow, StateManifest } from '../protocol/rows.ts';
import type { StepRow } from '../protocol/rows.ts';
import type { StepSnapshot } from './backend.ts';
import { request } from './request.ts';

/** Steps named in one request; their names travel in its address. */
const STEPS_A_REQUEST = 25;
const HintRow = SnapshotRow.pick({ step_key: true, attempt: true, source_code: true, inputs: true, outputs: true });

/** What tells steps apart beside their rows, by step key. */
export async function readStepHints(supabase: SupabaseClient, url: string, runId: string, steps: readonly Pick<StepRow, 'step_key' | 'attempt'>[]): Promise<ReadonlyMap<string, StepHints>> {
  const wanted = new Map(steps.map((step) => [step.step_key, step.attempt]));
  const keys = [...wanted.keys()];
  const found = new Map<string, StepHints>();
  for (let i = 0; i < keys.length; i += STEPS_A_REQUEST) {
    const query = supabase.from('test_execution_snapshots').select(Object.keys(HintRow.shape).join(',')).eq('test_run_id', runId).in('step_key', keys.slice(i, i + STEPS_A_REQUEST));
    for (const row of await request(url, 'read the snapshots', query, z.array(HintRow))) {
      if (row.attempt === wanted.get(row.step_key)) found.set(row.step_key, hintsOf(row.source_code, row.inputs, row.outputs));
    }
  }
  return found;
}

/** The same of a snapshot in a file. */
export function snapshotHints({ source, inputs, outputs }: StepSnapshot): StepHints {
  return hintsOf(source?.code ?? null, inputs, outputs);
}

function hintsOf(source: string | null, inputs: Json | null, outputs: Json | null): StepHints {
  return { source: source ?? undefined, fields: [...fieldsOf(inputs).map((name) => `in ${name}`), ...fieldsOf(outputs).map((name) => `out ${name}`)] };
}

function fieldsOf(stored: Json | null): readonly string[] {
  const manifest = StateManifest.safeParse(stored);
  return manifest.success ? manifest.data.keys : isObject(stored) ? Object.keys(stored) : [];
}
