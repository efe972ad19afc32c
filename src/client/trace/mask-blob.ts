import { gzipSync } from 'node:zlib';
import type { Masker } from '../../core/mask.ts';
import { maskRow } from '../../core/trace/mask-row.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { BlobRow } from '../../protocol/rows.ts';
import { blobText } from '../snapshots.ts';

/** A row of a trace with everything masked, contents of blobs too. One in which nothing is to be masked stays byte for byte. */
export async function maskTraceRow(table: string, row: JsonObject, masker: Masker): Promise<JsonObject> {
  return table === 'snapshot_blobs' ? await maskBlob(row, masker) : maskRow(row, masker);
}

async function maskBlob(row: JsonObject, masker: Masker): Promise<JsonObject> {
  const blob = row as unknown as BlobRow;
  const text = await blobText(blob);
  const masked = maskText(text, masker);
  if (masked === undefined) return row;
  return { ...row, body: blob.encoding === 'json' ? masked : gzipSync(masked).toString('base64') };
}

function maskText(text: string, masker: Masker): string | undefined {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    const masked = masker.text(text);
    return masked === text ? undefined : masked;
  }
  const masked = JSON.stringify(masker.marked(json));
  return masked === JSON.stringify(json) ? undefined : masked;
}
