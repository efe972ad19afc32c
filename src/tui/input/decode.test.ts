import { describe, expect, it } from 'vitest';
import { decode, emptyDecoder, settle } from './decode.ts';

/** The events of chunks that arrive one after the other, a pause after the last. */
function typed(...chunks: readonly string[]): readonly string[] {
  let state = emptyDecoder;
  const events: string[] = [];
  for (const chunk of chunks) {
    const decoded = decode(state, chunk);
    state = decoded.state;
    events.push(...decoded.events.map((event) => (event.type === 'key' ? event.key : `paste:${event.text}`)));
  }
  return [...events, ...settle(state).events.map((event) => (event.type === 'key' ? event.key : 'paste'))];
}

describe('what the terminal sends', () => {
  it('comes out key by key, however many arrive together', () => {
    expect(typed('jjjG')).toEqual(['j', 'j', 'j', 'G']);
    expect(typed('é表👨‍👩‍👧')).toEqual(['é', '表', '👨‍👩‍👧']);
    expect(typed('\u001b[A\u001b[Bk\r')).toEqual(['up', 'down', 'k', 'enter']);
  });

  it('is one key when its sequence arrives in pieces', () => {
    expect(typed('\u001b', '[A')).toEqual(['up']);
    expect(typed('\u001b[', '6', '~')).toEqual(['pagedown']);
    expect(typed('\u001bO', 'B')).toEqual(['down']);
    expect(typed('\u001b[1;2', 'C')).toEqual(['right']);
  });

  it('is the Escape key when nothing follows', () => {
    expect(typed('\u001b')).toEqual(['esc']);
    expect(typed('\u001b\u001b')).toEqual(['esc', 'esc']);
    expect(typed('j\u001b')).toEqual(['j', 'esc']);
  });

  it('is nothing when it answers a query, reports the mouse, or is a key we have no name for', () => {
    expect(typed('\u001b[?62;1;6cj')).toEqual(['j']);
    expect(typed('\u001b]11;rgb:1e1e/1e1e/1e1e\u001b\\j')).toEqual(['j']);
    expect(typed('\u001b]11;rgb:1e1e', '/1e1e/1e1e\u0007j')).toEqual(['j']);
    expect(typed('\u001bP>|xterm(370)\u001b\\j')).toEqual(['j']);
    expect(typed('\u001b[<0;12;5Mj')).toEqual(['j']);
    expect(typed('\u001b[M !!j')).toEqual(['j']);
    expect(typed('\u001b[15~\u001bxj')).toEqual(['j']);
    expect(typed('\u001b[12;40Rj')).toEqual(['j']);
  });

  it('is one paste between the brackets, and runs nothing', () => {
    expect(typed('\u001b[200~quit\rX\r\u001b[201~j')).toEqual(['paste:quit\nX\n', 'j']);
    expect(typed('\u001b[200~a\u001b[2', '01~j')).toEqual(['paste:a', 'j']);
    expect(typed('\u001b[20', '0~one ', 'two\u001b[201', '~')).toEqual(['paste:one two']);
  });

  it('names control keys', () => {
    expect(typed('\u0003\u001a\u0004\t \u007f\u001b[Z')).toEqual(['ctrl-c', 'ctrl-z', 'ctrl-d', 'tab', 'space', 'backspace', 'shift-tab']);
  });
});
