import { describe, expect, it } from 'vitest';
import { UserError } from '../protocol/error.ts';
import { watchLink } from './link-watch.ts';

const heard = () => {
  const said: string[] = [];
  return { said, io: { err: (text: string) => void said.push(text), command: (words: string) => `stepscope ${words}` } };
};
const lost = { state: 'lost', reason: 'the server does not answer', retryInMs: 250 } as const;

describe('the link of a command that follows a run', () => {
  it('is given up when no backend comes back in time, with what to do', async () => {
    const { said, io } = heard();
    const watch = watchLink(io, 'tail -f r1', { noticeMs: 1, limitMs: 20 });
    watch.onLink(lost);
    watch.onLink({ state: 'catching-up' });
    watch.onLink(lost);
    await new Promise((resolve) => watch.gaveUp.addEventListener('abort', resolve));
    expect(said).toEqual(['link lost (the server does not answer), trying again']);
    const reason = watch.gaveUp.reason as UserError;
    expect(reason).toBeInstanceOf(UserError);
    expect(reason).toMatchObject({ code: 'unavailable', hint: 'Start one with `stepscope serve`, then go on with `stepscope tail -f r1`' });
  });

  it('is not spoken of when it is back at once', () => {
    const { said, io } = heard();
    const watch = watchLink(io, 'tail -f r1', { noticeMs: 60_000, limitMs: 60_000 });
    watch.onLink(lost);
    watch.onLink({ state: 'live' });
    watch.stop();
    expect(said).toEqual([]);
    expect(watch.gaveUp.aborted).toBe(false);
  });
});
