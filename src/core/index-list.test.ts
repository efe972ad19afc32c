import { describe, expect, it } from 'vitest';
import { indexList } from './index-list.ts';

const contents = (list: ReturnType<typeof indexList>) => Array.from({ length: list.length - list.first }, (_, at) => list.at(list.first + at));

describe('a list of indexes', () => {
  it('grows, and finds the place of an index or of the next higher one', () => {
    const list = indexList();
    for (let index = 0; index < 5_000; index += 2) list.push(index);
    expect([list.first, list.length, list.at(0), list.at(2_499)]).toEqual([0, 2_500, 0, 4_998]);
    expect([list.placeOf(0), list.placeOf(999), list.placeOf(1_000), list.placeOf(9_999)]).toEqual([0, 500, 500, 2_500]);
  });

  it('lets go of its beginning without shifting a place, for as long as one likes', () => {
    const list = indexList();
    for (let index = 0; index < 100_000; index += 1) {
      list.push(index);
      if (index >= 10) list.dropBelow(index - 9);
    }
    expect([list.first, list.length]).toEqual([99_990, 100_000]);
    expect(contents(list)).toEqual(Array.from({ length: 10 }, (_, at) => 99_990 + at));
    expect(list.placeOf(5)).toBe(99_990);
  });

  it('takes back its end, and goes on from there', () => {
    const list = indexList();
    [1, 3, 5, 7].forEach((index) => list.push(index));
    list.dropBelow(3);
    list.cutTo(2);
    list.push(4);
    expect([list.first, contents(list)]).toEqual([1, [3, 4]]);
    list.cutTo(0);
    expect([list.first, list.length]).toEqual([1, 1]);
  });
});
