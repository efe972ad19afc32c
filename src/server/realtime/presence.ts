import type { Json, JsonObject } from '../../protocol/json.ts';

/** A client's side of a room's presence: what it says of itself, and who is there, as supabase-js keeps it: entries by key. */
export interface Presence {
  track(key: string, state: JsonObject): void;
  untrack(): void;
  state(): Json;
}

/** What one client says of itself: `meta` has a `phx_ref` that is new with every change. */
export interface PresenceEntry {
  readonly key: string;
  readonly meta: JsonObject;
}

/** Entries of one client beyond this many bytes are not taken. */
export const maxPresenceBytes = 64 * 1024;

/** The entries of one room, of clients here and elsewhere, by the id of the client. */
export interface PresenceList {
  set(id: string, entry: PresenceEntry): void;
  remove(id: string): void;
  state(): Json;
  readonly entries: ReadonlyMap<string, PresenceEntry>;
}

/** `onDiff` gets `{joins, leaves}` after every change. */
export function createPresenceList(onDiff: (diff: Json) => void): PresenceList {
  const entries = new Map<string, PresenceEntry>();
  const described = (entry: PresenceEntry | undefined): Json => (entry ? { [entry.key]: { metas: [entry.meta] } } : {});

  return {
    entries,
    set(id, entry) {
      const earlier = entries.get(id);
      if (earlier?.meta['phx_ref'] === entry.meta['phx_ref'] && earlier !== undefined) return;
      entries.set(id, entry);
      onDiff({ joins: described(entry), leaves: described(earlier) });
    },
    remove(id) {
      const entry = entries.get(id);
      if (entry === undefined) return;
      entries.delete(id);
      onDiff({ joins: {}, leaves: described(entry) });
    },
    state() {
      const byKey: Record<string, { metas: JsonObject[] }> = {};
      for (const { key, meta } of entries.values()) (byKey[key] ??= { metas: [] }).metas.push(meta);
      return byKey;
    },
  };
}
