import { describe, expect, it } from 'vitest';
import { copySequence } from './clipboard.ts';

const plain = '\u001b]52;c;aGVsbG8=\u0007';

describe('what asks for the clipboard', () => {
  it('is OSC 52 in a terminal', () => {
    expect(copySequence('hello', { TERM: 'xterm-256color' })).toBe(plain);
  });

  it('is in tmux what tmux takes itself, and what it passes on, for either may be switched off', () => {
    expect(copySequence('hello', { TMUX: '/tmp/tmux-0/default,1,0', TERM: 'screen-256color' })).toBe(`${plain}\u001bPtmux;\u001b${plain}\u001b\\`);
  });

  it('comes to screen in strings that it takes', () => {
    const sequence = copySequence('x'.repeat(600), { TERM: 'screen' });
    // oxlint-disable-next-line no-control-regex -- strings of terminals begin and end with it
    const strings = [...sequence.matchAll(/\u001bP([^]*?)\u001b\\/g)].map(([, one]) => one!);
    expect(strings.length).toBe(4);
    expect(strings.every((one) => one.length <= 240)).toBe(true);
    expect(strings.join('')).toBe(copySequence('x'.repeat(600), {}));
  });
});
