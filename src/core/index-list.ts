/**
 * A growing list of ascending indexes, four bytes each. Places in it never shift: what is let go at its beginning
 * leaves the places of the others as they are.
 */
export interface IndexList {
  /** Place of the first index that is kept. */
  readonly first: number;
  /** One more than the place of the last. */
  readonly length: number;
  /** The index at a place from {@link first} to before {@link length}. */
  at(place: number): number;
  /** Adds an index that is higher than all before it. */
  push(index: number): void;
  /** Takes back what stands at `length` and after. */
  cutTo(length: number): void;
  /** Lets go of all indexes lower than this one. */
  dropBelow(index: number): void;
  /** Place of the first index that is not lower than this one; {@link length} where all are. */
  placeOf(index: number): number;
}

/** Indexes that the smallest list has room for. */
const ROOM = 1_024;

export function indexList(): IndexList {
  let values = new Uint32Array(ROOM);
  /** How far the kept ones stand from the beginning of `values`. */
  let start = 0;
  let count = 0;
  let first = 0;

  const placeOf = (index: number): number => {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (values[start + middle]! < index) low = middle + 1;
      else high = middle;
    }
    return first + low;
  };

  return {
    get first() {
      return first;
    },
    get length() {
      return first + count;
    },
    at: (place) => values[start + place - first]!,
    push(index) {
      if (start + count === values.length) {
        // Half of the room free again is enough to go on in the same one.
        const next = start > values.length / 2 ? values : new Uint32Array(values.length * 2);
        next.set(values.subarray(start, start + count));
        values = next;
        start = 0;
      }
      values[start + count] = index;
      count += 1;
    },
    cutTo(length) {
      count = Math.max(0, Math.min(count, length - first));
    },
    dropBelow(index) {
      const dropped = placeOf(index) - first;
      start += dropped;
      count -= dropped;
      first += dropped;
    },
    placeOf,
  };
}
