import { describe, expect, it } from 'vitest';
import { bundledPipelines } from './bundled-pipelines.ts';
import { userStack } from './user-stack.ts';

const ours = new URL('./execute-run.ts', import.meta.url).href;
const theirs = 'file:///home/ada/pipeline.ts';

describe('a stack for the author of a pipeline', () => {
  it('ends with their last frame, whoever called it', () => {
    const stack = [
      'Error: no',
      `    at request (file:///home/ada/node_modules/undici/index.js:1:1)`,
      `    at load (${theirs}:3:9)`,
      `    at Array.map (<anonymous>)`,
      `    at run (${theirs}:8:5)`,
      `    at work (${ours}:101:2)`,
      `    at new Promise (<anonymous>)`,
      `    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)`,
      `    at async ${ours}:88:3`,
    ].join('\n');
    expect(userStack(stack).split('\n')).toEqual(stack.split('\n').slice(0, 5));
  });

  it('keeps the frames of the pipelines that come with us', () => {
    const stack = `Error: no\n    at run (${bundledPipelines.href}generate-content/ledger.ts:3:9)\n    at work (${ours}:1:1)`;
    expect(userStack(stack)).toBe(stack.split('\n').slice(0, 2).join('\n'));
  });

  it('keeps one frame where none is theirs, and words where there is none', () => {
    expect(userStack(`Error: no\n    at a (${ours}:1:1)\n    at b (${ours}:2:1)`)).toBe(`Error: no\n    at a (${ours}:1:1)`);
    expect(userStack('Error: only\n words')).toBe('Error: only\n words');
  });
});
