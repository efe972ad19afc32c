import type { Json, JsonObject } from '../../protocol/json.ts';
import type { Equality } from './json-equality.ts';
import { isObject } from '../value-tags.ts';
import { isPlainObject } from './plain-object.ts';

/** An element of two lists: in both, or only in one. Indices count from the beginning of the list. */
export interface MatchedItem {
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** The same element at another place: others that stayed are before it now and were not. */
  readonly isMoved: boolean;
}

/** What may name an element, best first. */
const identityKeys = ['id', '_id', 'uuid', 'key', 'step_key', 'name'] as const;
/** Elements with one hash that are compared with each other; more, as in lists of the same thing, find no partner there. */
const MOST_ALIKE = 64;
/** Lists longer than this whose elements are mostly equal place by place are compared so: what stands elsewhere is not sought, at ten times the cost. */
const LONG_LIST = 200;
/** Insertions and deletions after which two lists count as different altogether, and are compared place by place. */
const MOST_EDITS = 400;

/**
 * Which element of `before` is which of `after`: by what names them (`id`, `key`, `name` …), where that is unique;
 * otherwise by the longest common subsequence, and what is left between its elements, in order. Pairs that are equal
 * and stayed are left out.
 *
 * `isIgnored` says of a key that it may not name elements: ids that are new in every run would match nothing.
 * Sorted by `to`; removed elements stand before what follows them.
 */
export function matchLists(before: readonly Json[], after: readonly Json[], equality: Equality, isIgnored: (key: string) => boolean): readonly MatchedItem[] {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && equality.equal(before[start]!, after[start]!)) start++;
  if (start === before.length && start === after.length) return [];
  let end = 0;
  while (end < shorter - start && equality.equal(before[before.length - 1 - end]!, after[after.length - 1 - end]!)) end++;

  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  const found = matchMiddle(old, now, equality, isIgnored);
  if (start === 0) return found;
  return found.map(({ from, to, isMoved }) => ({ from: from === undefined ? undefined : from + start, to: to === undefined ? undefined : to + start, isMoved }));
}

function matchMiddle(old: readonly Json[], now: readonly Json[], equality: Equality, isIgnored: (key: string) => boolean): readonly MatchedItem[] {
  if (old.length === 0 || now.length === 0) return pairGap(0, old.length, 0, now.length);
  if (keepTheirNames(old, now, isIgnored)) return pairPlaces(old, now);
  const key = identityKey(old, now, isIgnored);
  if (key !== undefined) return matchByKey(old as readonly JsonObject[], now as readonly JsonObject[], key);
  // Vectors: a number that is gone is not sought elsewhere.
  const isVector = old.length === now.length && old.every((one) => typeof one === 'number') && now.every((one) => typeof one === 'number');
  if (old.length === now.length && old.length > LONG_LIST && old.filter((one, i) => equality.equal(one, now[i]!)).length > old.length / 2) return pairPlaces(old, now);
  return isVector ? pairGap(0, old.length, 0, now.length) : matchBySequence(old, now, equality);
}

/** The usual case, at the least cost: the same elements at the same places. */
function keepTheirNames(old: readonly Json[], now: readonly Json[], isIgnored: (key: string) => boolean): boolean {
  const [first] = old;
  if (old.length !== now.length || !isPlainObject(first!)) return false;
  const key = identityKeys.find((key) => nameOf(first, key) !== undefined && !isIgnored(key));
  if (key === undefined) return false;
  return old.every((one, i) => {
    const other = now[i]!;
    if (!isObject(one) || !isObject(other)) return false;
    const name = nameOf(one, key);
    return name !== undefined && name === nameOf(other, key);
  });
}

/** Every element at its place, without those that are the same value. */
function pairPlaces(old: readonly Json[], now: readonly Json[]): readonly MatchedItem[] {
  const items: MatchedItem[] = [];
  for (let i = 0; i < old.length; i++) if (old[i] !== now[i]) items.push({ from: i, to: i, isMoved: false });
  return items;
}

function identityKey(old: readonly Json[], now: readonly Json[], isIgnored: (key: string) => boolean): string | undefined {
  if (!old.every(isPlainObject) || !now.every(isPlainObject)) return undefined;
  return identityKeys.find((key) => {
    if (isIgnored(key)) return false;
    const names = [old, now].map((list) => new Set(list.map((one) => nameOf(one, key)).filter((name) => name !== undefined)));
    const [before, after] = names as [Set<string | number>, Set<string | number>];
    if (before.size !== old.length || after.size !== now.length) return false;
    return [...before].some((name) => after.has(name));
  });
}

function nameOf(one: JsonObject, key: string): string | number | undefined {
  // None of the keys is one that every object has.
  const name = one[key];
  return typeof name === 'string' || typeof name === 'number' ? name : undefined;
}

function matchByKey(old: readonly JsonObject[], now: readonly JsonObject[], key: string): readonly MatchedItem[] {
  const places = new Map(old.map((one, i) => [nameOf(one, key), i]));
  const froms = now.map((one) => places.get(nameOf(one, key)));
  const stayed = longestIncreasing(froms);
  const kept = new Set(froms);
  const removed = old.map((_, i) => i).filter((i) => !kept.has(i));
  const items: MatchedItem[] = [];
  let next = 0;
  const takeRemoved = (upTo: number): void => {
    for (; next < removed.length && removed[next]! < upTo; next++) items.push({ from: removed[next]!, to: undefined, isMoved: false });
  };
  for (const [to, from] of froms.entries()) {
    if (from !== undefined && stayed.has(to)) takeRemoved(from);
    items.push({ from, to, isMoved: from !== undefined && !stayed.has(to) });
  }
  takeRemoved(Infinity);
  return items;
}

/** Indices of the longest subsequence of increasing numbers: what can stay where it is. */
export function longestIncreasing(values: readonly (number | undefined)[]): ReadonlySet<number> {
  const tails: number[] = [];
  const previous: number[] = [];
  for (const [i, value] of values.entries()) {
    if (value === undefined) continue;
    let [low, high] = [0, tails.length];
    while (low < high) {
      const mid = (low + high) >> 1;
      if (values[tails[mid]!]! < value) low = mid + 1;
      else high = mid;
    }
    previous[i] = low > 0 ? tails[low - 1]! : -1;
    tails[low] = i;
  }
  const found = new Set<number>();
  for (let at = tails.at(-1) ?? -1; at >= 0; at = previous[at]!) found.add(at);
  return found;
}

function matchBySequence(old: readonly Json[], now: readonly Json[], equality: Equality): readonly MatchedItem[] {
  const [a, b] = classes(old, now, equality);
  const items: MatchedItem[] = [];
  let [i, j] = [0, 0];
  for (const [from, to] of commonSubsequence(a, b)) {
    items.push(...pairGap(i, from, j, to));
    [i, j] = [from + 1, to + 1];
  }
  return [...items, ...pairGap(i, old.length, j, now.length)];
}

/** What lies between: changed in place as far as both reach, then removed or added. */
function pairGap(from: number, fromEnd: number, to: number, toEnd: number): readonly MatchedItem[] {
  const items: MatchedItem[] = [];
  while (from < fromEnd || to < toEnd) {
    items.push({ from: from < fromEnd ? from++ : undefined, to: to < toEnd ? to++ : undefined, isMoved: false });
  }
  return items;
}

/** A number for each element, the same for equal ones. */
function classes(old: readonly Json[], now: readonly Json[], equality: Equality): readonly [Int32Array, Int32Array] {
  const buckets = new Map<number, { readonly value: Json; readonly id: number }[]>();
  let ids = 0;
  const classOf = (value: Json): number => {
    const hash = equality.hash(value);
    const bucket = buckets.get(hash) ?? [];
    const known = bucket.length > MOST_ALIKE ? undefined : bucket.find((one) => equality.equal(one.value, value));
    if (known !== undefined) return known.id;
    bucket.push({ value, id: ids++ });
    buckets.set(hash, bucket);
    return ids - 1;
  };
  return [Int32Array.from(old, classOf), Int32Array.from(now, classOf)];
}

/**
 * Pairs of a longest common subsequence, by Myers' greedy algorithm (E. Myers, "An O(ND) Difference Algorithm and
 * Its Variations", 1986). None when more than {@link MOST_EDITS} edits lie between the lists.
 */
function commonSubsequence(a: Int32Array, b: Int32Array): readonly (readonly [number, number])[] {
  const there = new Set(a);
  if (!b.some((id) => there.has(id))) return [];
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  const offset = most + 1;
  for (let edits = 0; edits <= most; edits++) {
    trace.push(reach.slice(offset - edits - 1, offset + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const isDown = k === -edits || (k !== edits && reach[offset + k - 1]! < reach[offset + k + 1]!);
      let x = isDown ? reach[offset + k + 1]! : reach[offset + k - 1]! + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      reach[offset + k] = x;
      if (x >= a.length && y >= b.length) return backtrack(trace, a.length, b.length);
    }
  }
  return [];
}

function backtrack(trace: readonly Int32Array[], fromEnd: number, toEnd: number): readonly (readonly [number, number])[] {
  const pairs: [number, number][] = [];
  let [x, y] = [fromEnd, toEnd];
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits]!;
    const at = (k: number): number => reach[k + edits + 1]!;
    const k = x - y;
    const isDown = k === -edits || (k !== edits && at(k - 1) < at(k + 1));
    const before = isDown ? k + 1 : k - 1;
    const beforeX = edits === 0 ? 0 : at(before);
    const beforeY = edits === 0 ? 0 : beforeX - before;
    const startX = edits === 0 ? 0 : isDown ? beforeX : beforeX + 1;
    while (x > startX) {
      x--;
      y--;
      pairs.push([x, y]);
    }
    [x, y] = [beforeX, beforeY];
  }
  return pairs.toReversed();
}
