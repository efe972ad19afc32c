import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readThemes } from './output/themes.ts';
import { createProgram } from './program.ts';
import { settingsOf } from './settings.ts';
import { initialState, type State } from './state.ts';
import { heldRun, listed, testNow } from './testing.tsx';

describe('time on the screen', () => {
  beforeEach(() => void vi.useFakeTimers({ now: testNow }));
  afterEach(() => void vi.useRealTimers());

  function start(lowBandwidth = false, frameBytes = 0) {
    let drawn: State | undefined;
    let frames = 0;
    const settings = settingsOf({}, readThemes());
    const program = createProgram({
      initial: initialState({ size: { columns: 80, rows: 24 }, now: testNow, settings: { ...settings, values: { ...settings.values, lowBandwidth } } }),
      perform: () => {}, draw: (state) => void ((drawn = state), (frames += 1)), frameBytes: () => frameBytes, now: Date.now,
    });
    program.dispatch({ type: 'connected', url: 'http://127.0.0.1:8000', identity: 'local@stepscope' });
    program.dispatch({ type: 'listLink', link: { state: 'live' } });
    program.dispatch(listed);
    return { program, drawn: () => drawn, frames: () => frames };
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

  it.each([[600, 6], [1_500, 2], [6_000, 2]])('draws frames of %i bytes %i times a second, so that a log in spate leaves the line to keys', (bytes, expected) => {
    const { program, frames } = start(false, bytes);
    vi.advanceTimersByTime(5_000);
    const before = frames();
    for (let at = 0; at < 1_000; at += 1) {
      program.dispatch({ type: 'told', text: `news ${at}`, tone: 'info' });
      vi.advanceTimersByTime(1);
    }
    expect(frames() - before).toBe(expected + 1);
    program.stop();
  });

  it.each([[false, 10], [true, 2]])('draws news (over a poor link: %s) %i times a second, the first at once, and keys at once', (lowBandwidth, expected) => {
    const { program, frames } = start(lowBandwidth);
    vi.advanceTimersByTime(5_000);
    const before = frames();
    program.dispatch({ type: 'progressed', text: 'something new' });
    vi.advanceTimersByTime(1);
    expect(frames() - before).toBe(1);
    for (let at = 0; at < 990; at += 1) {
      program.dispatch({ type: 'told', text: `news ${at}`, tone: 'info' });
      vi.advanceTimersByTime(1);
    }
    expect(frames() - before).toBe(expected);
    for (let count = 0; count < 500; count += 1) program.dispatch({ type: 'key', key: 'j' });
    vi.advanceTimersByTime(0);
    expect(frames() - before).toBe(expected + 1);
    program.stop();
  });

  it('says of a paste that was too large that it was cut', () => {
    const { program } = start();
    program.dispatch({ type: 'key', key: ':' });
    program.dispatch({ type: 'paste', text: 'x'.repeat(2_000), isCut: true });
    expect(program.state().notice?.text).toBe('What was pasted was cut after 2.0 KB.');
    program.stop();
  });
});
