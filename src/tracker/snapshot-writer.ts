import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { encodeObject, encodeValue } from '../core/encode-value.ts';
import { assembleManifest, manifestPart } from '../core/manifest.ts';
import type { ManifestPart } from '../core/manifest.ts';
import type { Masker } from '../core/mask.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { isObject } from '../core/value-tags.ts';
import { limits } from '../protocol/limits.ts';
import type { StateManifest } from '../protocol/rows.ts';
import type { Rows } from './sink.ts';

type Blob = NonNullable<Rows['blobs']>[number];

/** Above this a blob is compressed: it is read seldom and travels often. */
const COMPRESS_ABOVE = 16 * 1024;
/** What of a state, of inputs or of an answer is kept. Whoever encodes one to go on with it must keep as much. */
export const stateLimits = { keys: 500_000, size: limits.blobBytes } as const;

/** Turns states, inputs and outputs into what is stored: encoded, masked, larger values once by content. */
export interface SnapshotWriter {
  /** A manifest, and the blobs that no earlier snapshot of the run has brought. */
  readonly state: (value: unknown) => WrittenState;
  /** A value of its own, masked before: kept in place when it is small, else once by content, as the values of states are. */
  readonly content: (value: Json) => { readonly stored: Json; readonly blobs: readonly Blob[] };
}

interface WrittenState {
  readonly manifest: StateManifest;
  readonly blobs: readonly Blob[];
  /** What was too large to be kept, each time it is a new value: `files[0].body`, and its size in characters, items or keys. */
  readonly truncated: readonly { readonly path: string; readonly size: number }[];
}

/** One for each run: it remembers what the run has stored. */
export function createSnapshotWriter(runId: string, masker: Masker): SnapshotWriter {
  const stored = new Set<string>();
  /** Most of a state stays as it was from step to step; what did is neither masked nor hashed again. */
  const last = new Map<string, { readonly text: string; readonly part: ManifestPart; readonly key: string }>();

  const lost: { readonly path: string; readonly size: number }[] = [];

  const partOf = (key: string, value: Json): { readonly key: string; readonly part: ManifestPart } => {
    const text = JSON.stringify(value);
    const known = last.get(key);
    if (known !== undefined && known.text === text) return known;
    const [maskedKey, masked] = Object.entries(masker.marked({ [key]: value }) as JsonObject)[0] ?? [key, { $secret: '***' }];
    const fresh = { text, key: maskedKey, part: manifestPart(masked, JSON.stringify(masked), sha256) };
    last.set(key, fresh);
    // A look at the text first: hardly any value is too large.
    if (text.includes('"$truncated')) lost.push(...truncatedIn(value, key));
    return fresh;
  };

  return {
    state: (value) => {
      const parts = new Map(
        Object.entries(encodeObject(value, stateLimits)).map(([key, part]) => {
          const ready = partOf(key, part);
          return [ready.key, ready.part];
        }),
      );
      const { manifest, blobs } = assembleManifest(parts);
      const truncated = lost.splice(0);
      const fresh = blobs.filter(({ hash }) => !stored.has(hash));
      for (const { hash } of fresh) stored.add(hash);
      return { manifest, blobs: fresh.map(({ hash, text }) => blobRow(runId, hash, text)), truncated };
    },
    content: (value) => {
      const text = JSON.stringify(value);
      const part = manifestPart(value, text, sha256);
      if ('inline' in part) return { stored: part.inline, blobs: [] };
      const { hash } = part.blob;
      const isFresh = !stored.has(hash);
      stored.add(hash);
      return { stored: { $blob: hash, bytes: Buffer.byteLength(text) }, blobs: isFresh ? [blobRow(runId, hash, text)] : [] };
    },
  };
}

function truncatedIn(value: Json, path: string): readonly { readonly path: string; readonly size: number }[] {
  if (Array.isArray(value)) return value.flatMap((item: Json, index) => truncatedIn(item, `${path}[${index}]`));
  if (!isObject(value)) return [];
  const { $truncated: size, '$truncated keys': keys } = value;
  if (typeof size === 'number') return [{ path, size }];
  const inside = Object.entries(value).flatMap(([name, part]) => truncatedIn(part, `${path}.${name}`));
  return typeof keys === 'number' ? [...inside, { path, size: keys }] : inside;
}

/** Log data as it is stored: encoded, masked, within the limit of an event. */
export function encodeLogData(data: unknown, masker: Masker): Json {
  if (data === undefined || data === null) return null;
  const masked = masker.json(encodeValue(data));
  const bytes = JSON.stringify(masked).length;
  return bytes <= limits.eventBytes ? masked : { $truncated: bytes };
}

function blobRow(runId: string, hash: string, text: string): Blob {
  const bytes = Buffer.byteLength(text);
  const packed = bytes <= COMPRESS_ABOVE ? undefined : gzipSync(text, { level: 1 }).toString('base64');
  // What is packed already only grows by it.
  const isPacked = packed !== undefined && packed.length < bytes;
  return { test_run_id: runId, hash, bytes, ...(isPacked ? { encoding: 'gzip+base64', body: packed } : { encoding: 'json', body: text }) };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
