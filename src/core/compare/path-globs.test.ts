import { expect, it } from 'vitest';
import { pathMatcher } from './path-globs.ts';

it('refuses paths that match nothing', () => {
  for (const glob of ['', '/', '[', 'items[0].id', '/a/]']) expect(() => pathMatcher([glob])).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(pathMatcher(['/items/*/id'])(['items', '0', 'id'])).toBe(true);
});
