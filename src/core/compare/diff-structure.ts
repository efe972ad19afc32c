import type { Json, JsonObject, PatchOperation } from '../../protocol/json.ts';
import { pointer } from '../json-diff.ts';
import type { CompareOptions, StructuralDifference } from './comparison.ts';
import { jsonEquality } from './json-equality.ts';
import { looksVolatile } from './likely-volatile.ts';
import { matchLists } from './match-lists.ts';
import type { MatchedItem } from './match-lists.ts';
import { pathMatcher } from './path-globs.ts';
import { isPlainObject } from './plain-object.ts';

/** How one JSON value became another. */
export interface StructuralDiff {
  /** In the order of the document, down to the smallest part that differs. */
  readonly differences: readonly StructuralDifference[];
  /** Parts that were too large to be recorded on both sides. */
  readonly unknown: number;
  /** The same as a JSON Patch. Exact when nothing was ignored and no tolerance allowed: `applyPatch(before, patch())` is `after`. */
  patch(this: void): readonly PatchOperation[];
}

type Change =
  | { readonly kind: 'replaced'; readonly before: Json; readonly after: Json }
  | { readonly kind: 'added'; readonly after: Json }
  | { readonly kind: 'removed'; readonly before: Json }
  | { readonly kind: 'fields'; readonly fields: readonly (readonly [string, Change])[]; readonly after: Json }
  | { readonly kind: 'items'; readonly items: readonly Item[] };

interface Item extends MatchedItem {
  readonly before: Json | undefined;
  readonly after: Json | undefined;
  readonly change: Change | undefined;
}

/**
 * Compares two JSON values by their structure. The order of keys does not count; elements of lists are matched by
 * what names them, or as the longest common subsequence; what stands for a date, bytes or the like is one value.
 */
export function diffStructure(before: Json, after: Json, options: CompareOptions = {}): StructuralDiff {
  const equality = jsonEquality(options.tolerance);
  const isIgnoredPath = pathMatcher(options.ignore ?? []);
  const ignores = (options.ignore ?? []).length > 0;
  const path: string[] = [];
  const isIgnored = (token: string): boolean => ignores && isIgnoredPath([...path, token]);

  const compare = (old: Json, now: Json): Change | undefined => {
    if (isPlainObject(old) && isPlainObject(now)) return compareFields(old, now);
    if (Array.isArray(old) && Array.isArray(now)) return compareItems(old as readonly Json[], now as readonly Json[]);
    if (equality.equal(old, now) || (options.ignoreVolatile === true && looksVolatile(old, now))) return undefined;
    return { kind: 'replaced', before: old, after: now };
  };

  const inside = (token: string | number, old: Json, now: Json): Change | undefined => {
    if (typeof old !== 'object' && old === now) return undefined;
    if (!ignores) return compare(old, now);
    if (isIgnored(String(token))) return undefined;
    path.push(String(token));
    const change = compare(old, now);
    path.pop();
    return change;
  };

  const compareFields = (old: JsonObject, now: JsonObject): Change | undefined => {
    const fields: [string, Change][] = [];
    let added = 0;
    for (const _ in now) added++;
    for (const key in old) {
      if (!Object.hasOwn(now, key)) {
        if (!isIgnored(key)) fields.push([key, { kind: 'removed', before: old[key]! }]);
        continue;
      }
      added--;
      const change = inside(key, old[key]!, now[key]!);
      if (change !== undefined) fields.push([key, change]);
    }
    for (const key in added > 0 ? now : {}) if (!Object.hasOwn(old, key) && !isIgnored(key)) fields.push([key, { kind: 'added', after: now[key]! }]);
    return fields.length === 0 ? undefined : { kind: 'fields', fields, after: now };
  };

  const compareItems = (old: readonly Json[], now: readonly Json[]): Change | undefined => {
    const items: Item[] = [];
    for (const item of matchLists(old, now, equality, (key) => isIgnored('0') || (ignores && isIgnoredPath([...path, '0', key])))) {
      const [from, to] = [item.from === undefined ? undefined : old[item.from]!, item.to === undefined ? undefined : now[item.to]!];
      const both = from !== undefined && to !== undefined;
      const change = both ? inside(item.to!, from, to) : undefined;
      if (!both && isIgnored(String(item.to ?? item.from))) continue;
      if (change !== undefined || item.isMoved || !both) items.push({ ...item, before: from, after: to, change });
    }
    return items.length > 0 ? { kind: 'items', items } : undefined;
  };

  const root = compare(before, after);
  return {
    differences: root === undefined ? [] : [...differencesOf(root, [], [])],
    unknown: equality.unknown.size,
    patch: () => (root === undefined ? [] : [...patchOf(root, [])]),
  };
}

type Tokens = readonly (string | number)[];

function* differencesOf(change: Change, from: Tokens, to: Tokens): Generator<StructuralDifference> {
  switch (change.kind) {
    case 'replaced':
      yield { kind: 'changed', path: pointer(to), ...wasAt(from, to), before: change.before, after: change.after };
      return;
    case 'added':
      yield { kind: 'added', path: pointer(to), after: change.after };
      return;
    case 'removed':
      yield { kind: 'removed', path: pointer(from), before: change.before };
      return;
    case 'fields':
      for (const [key, inner] of change.fields) yield* differencesOf(inner, [...from, key], [...to, key]);
      return;
    case 'items':
      for (const item of change.items) {
        const [old, now] = [[...from, item.from ?? 0], [...to, item.to ?? 0]];
        if (item.to === undefined) yield { kind: 'removed', path: pointer(old), before: item.before! };
        else if (item.from === undefined) yield { kind: 'added', path: pointer(now), after: item.after! };
        else {
          if (item.isMoved) yield { kind: 'moved', path: pointer(now), from: pointer(old) };
          if (item.change !== undefined) yield* differencesOf(item.change, old, now);
        }
      }
  }
}

function wasAt(from: Tokens, to: Tokens): { readonly from?: string } {
  return pointer(from) === pointer(to) ? {} : { from: pointer(from) };
}

/** Paths that a patch may not reach into: what is around them is replaced as a whole. */
const unreachable = new Set(['__proto__', 'constructor', 'prototype']);

function* patchOf(change: Change, path: Tokens): Generator<PatchOperation> {
  switch (change.kind) {
    case 'replaced':
      yield { op: 'replace', path: pointer(path), value: change.after };
      return;
    case 'added':
      yield { op: 'add', path: pointer(path), value: change.after };
      return;
    case 'removed':
      yield { op: 'remove', path: pointer(path) };
      return;
    case 'fields':
      if (change.fields.some(([key]) => unreachable.has(key))) yield { op: 'replace', path: pointer(path), value: change.after };
      else for (const [key, inner] of change.fields) yield* patchOf(inner, [...path, key]);
      return;
    case 'items': {
      // First what stays, while indices are the old ones; then out from the end; then in from the beginning.
      const { items } = change;
      const leaves = (item: Item): boolean => item.to === undefined || item.isMoved;
      for (const item of items) if (!leaves(item) && item.from !== undefined && item.change !== undefined) yield* patchOf(item.change, [...path, item.from]);
      const out = items.filter((item) => item.from !== undefined && leaves(item)).toSorted((a, b) => b.from! - a.from!);
      for (const item of out) yield { op: 'remove', path: pointer([...path, item.from!]) };
      for (const item of items) if (item.to !== undefined && (item.from === undefined || item.isMoved)) yield { op: 'add', path: pointer([...path, item.to]), value: item.after! };
    }
  }
}
