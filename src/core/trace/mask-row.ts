import { StateManifest } from '../../protocol/rows.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Masker } from '../mask.ts';

/**
 * Columns that say which row it is, how it hangs together and who did something: they are what they are, and an id
 * that looks like a card number must not be changed. All others are masked, those of newer programs too.
 */
const plain: ReadonlySet<string> = new Set([
  'id', 'test_run_id', 'parent_run_id', 'reused_from_run_id', 'model_record_id', 'admin_user_id', 'generation_id', 'job_id', 'holder_id', 'log_id',
  'step_key', 'parent_step_key', 'forked_from_step', 'current_step', 'failed_step', 'pipeline_key', 'pipeline_version', 'step_tree', 'display',
  'client_version', 'git_commit', 'status', 'state', 'mode', 'billing', 'verb', 'kind', 'method', 'on_lease_end', 'step_type', 'execution_context',
  'effect', 'log_level', 'hash', 'encoding', 'started_at', 'completed_at', 'created_at', 'updated_at', 'paused_at', 'lease_until', 'decided_at',
  'expires_at', 'holder_heartbeat_at', 'timestamp', 'sender', 'sender_name', 'author', 'author_name', 'decided_by', 'decided_by_name', 'paused_by',
]); // prettier-ignore

/** From these somebody may go on, and must learn that the real value is not there. */
const marked: ReadonlySet<string> = new Set(['inputs', 'outputs', 'state_before', 'state_after']);

/** A row with what is free text and data masked. Twice is as once. */
export function maskRow(row: JsonObject, masker: Masker): JsonObject {
  let changed: Record<string, Json> | undefined;
  for (const column in row) {
    const value = row[column]!;
    if (value === null || typeof value === 'boolean' || plain.has(column)) continue;
    const masked = maskColumn(column, value, masker);
    if (masked === value) continue;
    changed ??= { ...row };
    changed[column] = masked;
  }
  return changed ?? row;
}

function maskColumn(column: string, value: Json, masker: Masker): Json {
  if (typeof value === 'string') return masker.text(value);
  if (typeof value !== 'object') return value;
  if (!marked.has(column)) return masker.json(value);
  const manifest = '$manifest' in (value as object) ? StateManifest.safeParse(value) : undefined;
  // Names of hashes may look like names of secrets. What lies behind a hash is masked where it lies.
  return manifest?.success ? { ...manifest.data, inline: masker.marked(manifest.data.inline) } : masker.marked(value);
}
