import { scopeOf } from '../core/break-scope.ts';
import { encodeObject, encodeValue } from '../core/encode-value.ts';
import type { Scope } from '../core/evaluate.ts';
import type { Masker } from '../core/mask.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';

/** As snapshots are encoded, so that a condition sees what a person sees. */
const stateLimits = { keys: 500_000, size: limits.blobBytes } as const;

/** What conditions read at a step of a run that is going on: the stored form of what the program has, masked. */
export function breakScope(now: {
  readonly masker: Masker;
  readonly step: { readonly inputs: unknown; readonly outputs: unknown; readonly row: object } | undefined;
  readonly state: unknown;
  readonly run: JsonObject;
  readonly log?: Json;
  readonly error?: Json;
}): Scope {
  const stored = (value: unknown) => (value === undefined ? undefined : now.masker.marked(encodeObject(value, stateLimits)));
  return scopeOf({
    inputs: () => stored(now.step?.inputs),
    outputs: () => stored(now.step?.outputs),
    state: () => stored(now.state),
    step: () => now.step?.row as JsonObject | undefined,
    run: () => now.masker.json(now.run),
    log: () => now.log,
    error: () => now.error,
  });
}

/** Top-level values of a state as they are stored, one by one; the state is asked for with the first. */
export function statePart(stateNow: () => unknown, masker: Masker): (key: string) => Json | undefined {
  return (key) => {
    const state = stateNow();
    if (state === undefined || state === null || typeof state !== 'object' || !Object.hasOwn(state, key)) return undefined;
    return (masker.marked({ [key]: encodeValue((state as Readonly<Record<string, unknown>>)[key], stateLimits) }) as JsonObject)[key];
  };
}
