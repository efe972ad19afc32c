import { describe, expect, it } from 'vitest';
import { UserError } from '../protocol/error.ts';
import { Ended, reportFailure } from './failure.ts';

function report(error: unknown): { status: number; said: string } {
  const lines: string[] = [];
  const status = reportFailure(error, { err: (line) => void lines.push(line), paint: (_style, text) => text });
  return { status, said: lines.join('\n') };
}

describe('the end of a command', () => {
  it.each([
    ['usage', 2], ['not-found', 2], ['too-large', 2],
    ['failed', 1], ['conflict', 1], ['timeout', 1],
    ['unavailable', 3], ['unauthorized', 3], ['forbidden', 3], ['no-space', 3],
  ] as const)('is said in a sentence and a hint for %s, with status %i', (code, status) => {
    expect(report(new UserError(code, 'it did not work', { hint: 'Try again.' }))).toEqual({ status, said: 'error: it did not work\nTry again.' });
  });

  it('is said as a bug with the stacks of error and cause, and status 70, for anything else', () => {
    const { status, said } = report(new TypeError('x is not a function', { cause: new Error('deeper') }));
    expect(status).toBe(70);
    expect(said).toMatch(/has a bug[\s\S]*stepscope \d+\.\d+\.\d+, Node [\s\S]*TypeError: x is not a function\n\s+at [\s\S]*caused by Error: deeper/);
  });

  it('says nothing more when all has been said', () => {
    expect(report(new Ended(1))).toEqual({ status: 1, said: '' });
  });
});
