import { expect, it } from 'vitest';
import { limits } from '../../protocol/limits.ts';
import { compareWithHints } from './compare-with-hints.ts';
import { recordedRun } from './testing.ts';

const named = (key: string, name: string) => ({ step_key: key, step_name: name });
const before = recordedRun('a', [named('load', 'Load'), named('shrink', 'Make it small'), named('store', 'Store')]);
const after = recordedRun('b', [named('load', 'Load'), named('thumbs', 'Previews'), named('store', 'Store')]);
const code = 'async ({ image }) => ({ image: await sharp(image).resize(200, 200).toBuffer(), width: 200 })';

it('finds a step again whose key and name are new, by its code and fields', async () => {
  const read: string[] = [];
  const { comparison } = await compareWithHints([before, after], async (run, steps) => {
    read.push(...steps.map(({ step_key: key }) => `${run} ${key}`));
    return new Map(steps.map(({ step_key: key }) => [key, { source: code, fields: ['image', 'width'] }]));
  });
  expect(comparison.counts[1]).toMatchObject({ renamed: 1, added: 0, removed: 0 });
  expect(read).toEqual(['0 shrink', '1 thumbs']);
});

it('does not take other code at the same place for the same step', async () => {
  const { comparison } = await compareWithHints([before, after], async (run, steps) => new Map(steps.map(({ step_key: key }) => [key, { source: run === 0 ? code : 'return fetch("https://x.example/notify", { method: "POST" })', fields: run === 0 ? ['image', 'width'] : ['status'] }])));
  expect(comparison.counts[1]).toMatchObject({ renamed: 0, added: 1, removed: 1 });
});

it('reads nothing of runs with the same keys, nor of more steps than a person waits for', async () => {
  const nothing = () => Promise.reject(new Error('read'));
  await compareWithHints([before, before], nothing);
  const many = (word: string) => recordedRun(word, Array.from({ length: limits.hintedSteps }, (_, i) => `${word}${i}`));
  await compareWithHints([many('x'), many('y')], nothing);
});
