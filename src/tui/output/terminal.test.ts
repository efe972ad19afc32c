import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTerminal, LEAVE_MS, MAX_WAITING_BYTES } from './terminal.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A terminal that takes so many bytes at a time, and what it took. */
function slowTerminal(takes = { bytes: Number.POSITIVE_INFINITY }, isWords = false) {
  let taken = '';
  const failures: unknown[] = [];
  const size = { columns: 40, rows: 4 };
  const terminal = createTerminal({
    sink: {
      write(bytes) {
        const count = Math.min(takes.bytes, bytes.length);
        taken += new TextDecoder().decode(bytes.subarray(0, count));
        return count;
      },
      close: () => undefined,
    },
    size: () => size,
    now: Date.now,
    isWords,
    onFailed: (error) => failures.push(error),
  });
  const draw = (...rows: readonly string[]) => terminal.draw(() => ({ rows, pictures: [] }));
  const since = () => {
    const all = taken;
    taken = '';
    return all;
  };
  return { terminal, draw, since, failures, takes, size };
}

describe('the terminal', () => {
  it('takes the screen, draws what changes, and gives everything back', () => {
    const { terminal, draw, since } = slowTerminal();
    terminal.enter();
    expect(since()).toBe('\u001b[?2004h\u001b[?1049h\u001b[2J\u001b[H\u001b[?25l');
    draw('one', 'two');
    expect(since()).toBe('\u001b[Hone\r\ntwo');
    draw('one', 'too');
    expect(since()).toBe('\u001b[2;2Ho');
    draw('one', 'too');
    expect(since()).toBe('');
    terminal.leave();
    terminal.leave();
    expect(since()).toBe('\u001b[r\u001b[m\u001b[?2026l\u001b[?2004l\u001b[?25h\u001b[?1049l');
    draw('too late');
    expect(since()).toBe('');
  });

  it('writes words on the primary screen, all of them and in order, and draws nothing', () => {
    const { terminal, draw, since, takes } = slowTerminal(undefined, true);
    terminal.enter();
    expect(since()).toBe('\u001b[?2004h');
    draw('a frame');
    takes.bytes = 0;
    terminal.send('one\r\n');
    terminal.send('two\r\n');
    takes.bytes = 100;
    terminal.leave();
    expect(since()).toBe('one\r\ntwo\r\n\u001b[?2004l');
  });

  it('draws only the last of the frames that came while it stood still, from what it really shows', () => {
    const { terminal, draw, since, takes } = slowTerminal();
    terminal.enter();
    since();
    takes.bytes = 4;
    draw('first');
    takes.bytes = 0;
    vi.advanceTimersByTime(60_000);
    const laidOut = vi.fn(() => ({ rows: ['never'], pictures: [] }));
    for (let count = 0; count < 1_000; count += 1) terminal.draw(laidOut);
    draw('fifth');
    takes.bytes = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(50);
    expect(since()).toBe('\u001b[Hfirst\u001b[1;3Hfth');
    expect(laidOut).not.toHaveBeenCalled();
  });

  it('tries a terminal that stands still again after 50 ms at the latest, and sleeps otherwise', () => {
    const { terminal, draw, takes } = slowTerminal();
    terminal.enter();
    expect(vi.getTimerCount()).toBe(0);
    takes.bytes = 0;
    draw('one');
    vi.advanceTimersByTime(10_000);
    expect(vi.getTimerCount()).toBe(1);
    takes.bytes = 1_000;
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('sends other bytes in order, and refuses them when too many wait', () => {
    const { terminal, draw, since, takes } = slowTerminal();
    terminal.enter();
    since();
    takes.bytes = 0;
    draw('x');
    expect([terminal.send('<a>'), terminal.send('<b>'), terminal.send('c'.repeat(MAX_WAITING_BYTES))]).toEqual([true, true, false]);
    takes.bytes = Number.POSITIVE_INFINITY;
    vi.advanceTimersByTime(50);
    expect(since()).toBe('\u001b[Hx<a><b>');
  });

  it('breaks a sequence off that was half written, and leaves a terminal that takes nothing in time', () => {
    const { terminal, draw, since, takes } = slowTerminal();
    terminal.enter();
    since();
    takes.bytes = 2;
    draw('one');
    takes.bytes = Number.POSITIVE_INFINITY;
    terminal.leave();
    expect(since().startsWith('\u001b[\u0018\u001b\\\u001b[r')).toBe(true);

    const still = slowTerminal({ bytes: 0 });
    still.terminal.enter();
    vi.useRealTimers();
    const started = performance.now();
    still.terminal.leave();
    expect(performance.now() - started).toBeLessThan(LEAVE_MS * 3);
  });

  it('writes everything again once it was told to forget, and after a change of size', () => {
    const { terminal, draw, since, size } = slowTerminal();
    terminal.enter();
    draw('one');
    since();
    terminal.forget();
    draw('one');
    expect(since()).toBe('\u001b[r\u001b[m\u001b[Hone\u001b[K\r\n\u001b[K\r\n\u001b[K\r\n\u001b[K');
    size.columns = 50;
    draw('one');
    expect(since()).toContain('one');
  });

  it('says what it sent over the last seconds', () => {
    const { terminal, draw } = slowTerminal();
    vi.setSystemTime(100_000);
    terminal.enter();
    vi.setSystemTime(106_000);
    for (let count = 0; count < 10; count += 1) draw(`${count}`);
    vi.setSystemTime(107_000);
    expect(terminal.use()).toEqual({ bytesPerSecond: 8, framesPerSecond: 2 });
    vi.setSystemTime(120_000);
    expect(terminal.use()).toEqual({ bytesPerSecond: 0, framesPerSecond: 0 });
  });

  it('tells when the terminal is gone or a layout throws', () => {
    const { terminal, failures } = slowTerminal();
    terminal.enter();
    terminal.draw(() => {
      throw new TypeError('a bug');
    });
    expect(failures).toEqual([new TypeError('a bug')]);
  });
});
