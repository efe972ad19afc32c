import { createHash } from 'node:crypto';
import type { JsonObject } from '../../protocol/json.ts';
import type { TraceRow } from '../../protocol/trace.ts';

/** The formats that are read, as people name them. */
export const importFormats = ['auto', 'trace', 'otlp', 'jsonl', 'transcript'] as const;
export type ImportFormat = (typeof importFormats)[number];

/** A run found in a file, checked from its first byte to its last. */
export interface Recording {
  readonly format: Exclude<ImportFormat, 'auto'>;
  readonly run: JsonObject;
  /** Rows by table, that of the run included. */
  readonly counts: Readonly<Record<string, number>>;
  /** Everything but the row of the run. Each call reads the file anew. */
  readonly rows: () => AsyncIterable<readonly TraceRow[]>;
  /** Of all lines with rows, as a trace of ours has them: the same run is the same sum. Undefined where the id says as much. */
  readonly sha256: string | undefined;
  /** What a person should know: values that were cut. */
  readonly notices: readonly string[];
}

/** Sums up rows as lines of a trace. */
export function rowDigest(): { readonly add: (row: TraceRow) => void; readonly digest: () => string } {
  const hash = createHash('sha256');
  return {
    add: ({ table, row }) => void hash.update(`{"table":${JSON.stringify(table)},"row":${JSON.stringify(row)}}\n`),
    digest: () => hash.digest('hex'),
  };
}

/** The sum of rows. */
export async function digestOf(rows: AsyncIterable<readonly TraceRow[]>): Promise<string> {
  const digest = rowDigest();
  for await (const some of rows) for (const row of some) digest.add(row);
  return digest.digest();
}

/** A UUID made of a text: the same text gives the same one. Version 8, which leaves the making to us. */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function countRows(counts: Record<string, number>, table: string): void {
  counts[table] = (counts[table] ?? 0) + 1;
}
