import { describe, expect, it } from 'vitest';
import { maskedTexts, refuseLostValues } from './lost-values.ts';

const recorded = { login: { user: 'ada', password: { $secret: '***234' } }, note: '***' };
const check = (inputs: unknown): (() => void) => () => refuseLostValues('7', inputs, maskedTexts(recorded));

describe('going on from a recorded state', () => {
  it('takes inputs in which nothing is missing', () => {
    expect(check({ user: 'ada', note: '***', when: new Date(0), many: new Map([['a', 1n]]) })).not.toThrow();
  });

  it('refuses a secret that was masked when it was recorded, naming the path', () => {
    expect(check({ login: { password: '***234' } })).toThrow('step 7 needs /login/password, which was masked when it was recorded');
  });

  it('refuses a value that was too large to be recorded', () => {
    expect(check({ image: { $truncated: 20_000_000, hash: 'x' } })).toThrow(/too large to be recorded/);
  });
});
