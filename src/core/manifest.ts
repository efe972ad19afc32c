import type { Json, JsonObject } from '../protocol/json.ts';
import { StateManifest } from '../protocol/rows.ts';

/** A top-level value of a state up to this long, serialised, stays in the manifest itself. */
const INLINE_LENGTH = 1024;

/** A value that goes to `snapshot_blobs`. */
export interface Blob {
  readonly hash: string;
  readonly text: string;
}

/** A value of a state as the manifest holds it. */
export type ManifestPart = { readonly inline: Json } | { readonly blob: Blob };

/** One top-level value, ready for a manifest. `text` is its JSON; `hash` gives a hex digest. */
export function manifestPart(value: Json, text: string, hash: (text: string) => string): ManifestPart {
  return text.length <= INLINE_LENGTH ? { inline: value } : { blob: { hash: hash(text), text } };
}

/** A manifest of parts, in their order, with the blobs it names. */
export function assembleManifest(parts: ReadonlyMap<string, ManifestPart>): {
  readonly manifest: StateManifest;
  readonly blobs: readonly Blob[];
} {
  const inline: [string, Json][] = [];
  const hashes: [string, string][] = [];
  const blobs = new Map<string, Blob>();
  for (const [key, part] of parts) {
    if ('inline' in part) inline.push([key, part.inline]);
    else {
      hashes.push([key, part.blob.hash]);
      blobs.set(part.blob.hash, part.blob);
    }
  }
  const manifest = {
    $manifest: 1 as const,
    keys: [...parts.keys()],
    inline: Object.fromEntries(inline),
    blobs: Object.fromEntries(hashes),
  };
  return { manifest, blobs: [...blobs.values()] };
}

/** A state whose larger values are kept by hash, so that states that share them store them once. */
export function toManifest(
  state: JsonObject,
  hash: (text: string) => string,
): { readonly manifest: StateManifest; readonly blobs: readonly Blob[] } {
  return assembleManifest(new Map(Object.entries(state).map(([key, value]) => [key, manifestPart(value, JSON.stringify(value), hash)])));
}

/** The hashes a stored state names; none when it is stored plain. */
export function blobHashes(stored: Json | null): readonly string[] {
  const manifest = StateManifest.safeParse(stored);
  return manifest.success ? Object.values(manifest.data.blobs) : [];
}

/**
 * The state behind what is stored: a manifest with its blobs, or a plain object as seed clients write it.
 *
 * `blob` gives the JSON text of a hash; a value whose blob is gone becomes `{"$truncated": 0, "hash": …}`.
 */
export function fromManifest(stored: Json | null, blob: (hash: string) => string | undefined): JsonObject | null {
  if (stored === null) return null;
  const parsed = StateManifest.safeParse(stored);
  if (!parsed.success) return typeof stored === 'object' && !Array.isArray(stored) ? (stored as JsonObject) : { value: stored };
  const { keys, inline, blobs } = parsed.data;
  return Object.fromEntries(
    keys.map((key): [string, Json] => {
      if (Object.hasOwn(inline, key)) return [key, inline[key]!];
      const hash = Object.hasOwn(blobs, key) ? blobs[key]! : '';
      const text = blob(hash);
      return [key, text === undefined ? { $truncated: 0, hash } : (JSON.parse(text) as Json)];
    }),
  );
}
