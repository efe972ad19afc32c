import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readInputs } from './assignments.ts';

const schema = {
  type: 'object',
  properties: {
    prompt: { type: 'string' },
    width: { type: 'integer' },
    upscale: { type: 'boolean' },
    seed: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
    style: { enum: ['photo', 'ink'] },
    size: { type: 'object', properties: { unit: { type: 'string' } } },
  },
};

describe('inputs on a command line', () => {
  it('are read as their schema says', () => {
    expect(readInputs(['prompt=42', 'width=640', 'upscale=true', 'seed=null', 'style=ink', 'size={"unit":"px"}'], schema)).toEqual({
      prompt: '42', width: 640, upscale: true, seed: null, style: 'ink', size: { unit: 'px' },
    });
  });

  it('keep what does not fit as text, for the schema to name', () => {
    expect(readInputs(['width=wide'], schema)).toEqual({ width: 'wide' });
  });

  it('keep everything after the first equals sign', () => {
    expect(readInputs(['prompt=a=b=c'], schema)).toEqual({ prompt: 'a=b=c' });
  });

  it('come from a file too, and a later one wins', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'stepscope-inputs-')), 'inputs.json');
    writeFileSync(path, '{"prompt":"from the file","width":64}');
    expect(readInputs([`@${path}`, 'width=128'], schema)).toEqual({ prompt: 'from the file', width: 128 });
  });

  it('come one by one from files, and a text may begin with @', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'stepscope-inputs-')), 'prompt.txt');
    writeFileSync(path, 'two\nlines\n');
    expect(readInputs([`prompt=@${path}`], schema)).toEqual({ prompt: 'two\nlines' });
    expect(readInputs(['prompt=@@ada'], schema)).toEqual({ prompt: '@ada' });
  });

  it.each([
    ['prompt=@/no/such/file', /--input prompt=@\/no\/such\/file: .*ENOENT/],
    ['width', /name=value/],
    ['=5', /name=value/],
    ['@/no/such/file', /no\/such\/file/],
  ])('that cannot be read are named: %s', (text, words) => {
    expect(() => readInputs([text], schema)).toThrow(words);
  });
});
