import { randomUUID } from 'node:crypto';
import type { Json, JsonObject } from '../../protocol/json.ts';

/** Who is in a room and what they say of themselves, as supabase-js keeps it: entries by key. */
export interface Presence {
  track(who: object, key: string, state: JsonObject): void;
  untrack(who: object): void;
  state(): Json;
}

/** Entries of one client beyond this many bytes are not taken. */
export const maxPresenceBytes = 64 * 1024;

/** `onDiff` gets `{joins, leaves}` after every change. */
export function createPresence(onDiff: (diff: Json) => void): Presence {
  const entries = new Map<object, { readonly key: string; readonly meta: JsonObject }>();
  const described = (entry: { readonly key: string; readonly meta: JsonObject } | undefined): Json =>
    entry ? { [entry.key]: { metas: [entry.meta] } } : {};

  return {
    track(who, key, state) {
      const earlier = entries.get(who);
      const entry = { key, meta: { ...state, phx_ref: randomUUID() } };
      entries.set(who, entry);
      onDiff({ joins: described(entry), leaves: described(earlier) });
    },
    untrack(who) {
      const entry = entries.get(who);
      if (entry === undefined) return;
      entries.delete(who);
      onDiff({ joins: {}, leaves: described(entry) });
    },
    state() {
      const byKey: Record<string, { metas: JsonObject[] }> = {};
      for (const { key, meta } of entries.values()) (byKey[key] ??= { metas: [] }).metas.push(meta);
      return byKey;
    },
  };
}
