import { expect, it } from 'vitest';
import { blanksBetween } from './03-flicker.ts';

const rows = (atMs: number, ...text: readonly string[]) => ({ atMs, rows: text });

it('sees a row that is erased before it is written anew', () => {
  const looks = [rows(0, 'title', 'first'), rows(100, 'title', ''), rows(101, 'title', 'second')];
  expect(blanksBetween(looks)).toEqual({ frames: 2, blanks: ['row 1: "second"'] });
});

it('lets rows be blank that a frame leaves blank', () => {
  const looks = [rows(0, 'title', ''), rows(100, 'title', ''), rows(101, 'title', 'second')];
  expect(blanksBetween(looks)).toEqual({ frames: 2, blanks: [] });
});
