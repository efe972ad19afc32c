import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unicodeGlyphs } from './output/glyphs.ts';
import { createProgram } from './program.ts';
import { initialState, type State } from './state.ts';
import { heldRun, listed, testNow } from './testing.tsx';

describe('time on the screen', () => {
  beforeEach(() => void vi.useFakeTimers({ now: testNow }));
  afterEach(() => void vi.useRealTimers());

  function start() {
    let drawn: State | undefined;
    const program = createProgram({
      initial: initialState({ size: { columns: 80, rows: 24 }, now: testNow, theme: 'dark', glyphs: unicodeGlyphs }),
      perform: () => {}, draw: (state) => (drawn = state), now: Date.now,
    });
    program.dispatch({ type: 'connected', url: 'http://127.0.0.1:8000', identity: 'local@stepscope' });
    program.dispatch({ type: 'listLink', link: { state: 'live' } });
    program.dispatch(listed);
    return { program, drawn: () => drawn };
  }

  it('ticks every second on a held run, though the list it was opened from did not need it', () => {
    const { program, drawn } = start();
    vi.advanceTimersByTime(5_000);
    for (const message of heldRun()) program.dispatch(message);
    for (let second = 0; second < 5; second += 1) {
      vi.advanceTimersByTime(1_000);
      // A second, and the tenth that a frame may take.
      expect(Date.now() - drawn()!.now).toBeLessThanOrEqual(1_100);
    }
    program.stop();
  });

  it('takes a notice away when it is over: the one about Ctrl-c after exactly two seconds', () => {
    const { program, drawn } = start();
    program.dispatch({ type: 'key', key: 'ctrl-c' });
    vi.advanceTimersByTime(1_950);
    expect(drawn()!.notice?.text).toContain('Press Ctrl-c again');
    vi.advanceTimersByTime(160);
    expect(drawn()!.notice).toBeUndefined();
    program.stop();
  });
});
