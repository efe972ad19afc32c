import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { blobHashes, fromManifest } from '../core/manifest.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import type { BlobRow, SnapshotRow } from '../protocol/rows.ts';
import type { StepSnapshot } from './backend.ts';

const inflate = promisify(gunzip);

/** The JSON text of a stored blob. Throws when it is larger than a blob may be. */
export async function blobText(blob: Pick<BlobRow, 'encoding' | 'body'>): Promise<string> {
  if (blob.encoding === 'json') return blob.body;
  const bytes = await inflate(Buffer.from(blob.body, 'base64'), { maxOutputLength: limits.blobBytes * 2 });
  return bytes.toString('utf8');
}

/** The hashes of all blobs that a snapshot names. */
export function hashesOf(row: SnapshotRow): readonly string[] {
  return [...new Set([row.state_before, row.state_after, row.inputs, row.outputs].flatMap(blobHashes))];
}

/** A snapshot put together from its row and its blobs. A blob that is gone shows as `$truncated`. */
export async function assembleSnapshot(row: SnapshotRow, blobs: readonly BlobRow[]): Promise<StepSnapshot> {
  const texts = new Map<string, string>();
  for (const blob of blobs) texts.set(blob.hash, await blobText(blob));
  const whole = (stored: Json | null): JsonObject | null => fromManifest(stored, (hash) => texts.get(hash));
  return {
    stepKey: row.step_key,
    attempt: row.attempt,
    inputs: whole(row.inputs),
    outputs: whole(row.outputs),
    stateBefore: whole(row.state_before),
    stateAfter: whole(row.state_after),
    source:
      row.source_code === null
        ? null
        : {
            code: row.source_code,
            firstLine: row.source_line ?? 1,
            highlightFrom: row.highlight_from,
            highlightTo: row.highlight_to,
            filePath: row.file_path,
            functionName: row.function_name,
          },
    isEdited: row.is_edited,
  };
}
