import { StringDecoder } from 'node:string_decoder';
import fc from 'fast-check';
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
    expect(typed('\u001bOP', '\u001b[15~', '\u001b[24;2~', '\u001b[[A', '\u001b[', '[', 'Ex')).toEqual(['f1', 'f5', 'f12', 'f1', 'f5', 'x']);
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
    expect(typed('\u001b[15~\u001bxj')).toEqual(['f5', 'j']);
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

  it('is a paste when more comes in one lump than anybody types, and so is the rest of the lump', () => {
    const text = 'a line that somebody pasted\r'.repeat(3);
    expect(typed(text, 'quit\r', 'X')).toEqual([`paste:${text.replaceAll('\r', '\n')}`, 'paste:quit\n', 'paste:X']);
    expect(typed('j'.repeat(500))).toHaveLength(500);
    expect(typed('jjj\r')).toEqual(['j', 'j', 'j', 'enter']);
    // A pause ends it.
    expect(decode(settle(decode(emptyDecoder, text).state).state, 'j').events).toEqual([{ type: 'key', key: 'j' }]);
  });

  it('is nothing in a reply however long it is, and whatever is cut', () => {
    expect(typed(`\u001bP${'x'.repeat(5_000)}`, 'q\r', 'more\u001b', '\\j')).toEqual(['j']);
    expect(typed('\u001b[?1;2', 'cj')).toEqual(['j']);
    expect(typed('\u001b[I\u001b[Oj')).toEqual(['j']);
    expect(typed('\u001b[32;12;5M\u001b[97;5u\u001b[?0uj')).toEqual(['j']);
  });

  it('is one Enter for a carriage return with a line feed, also when they are cut apart', () => {
    expect(typed('\r\nj\r', '\n', 'j\n')).toEqual(['enter', 'j', 'enter', 'j', 'enter']);
  });

  it('says of a paste that is too large that it was cut', () => {
    const [paste] = decode(emptyDecoder, `\u001b[200~${'x'.repeat(1024 * 1024 + 1)}\u001b[201~`).events;
    expect(paste).toEqual({ type: 'paste', text: 'x'.repeat(1024 * 1024), isCut: true });
  });

  it('means the same however its bytes are cut', () => {
    const token = fc.constantFrom(
      'j', 'G', 'é', '表', '🚀', ' ', '\r', '\n', '\t', '\u0003', '\u007f', '\u001b[A', '\u001bOB', '\u001b[6~', '\u001b[1;5C', '\u001b[Z', '\u001b[15~',
      '\u001b[?62;1;6c', '\u001b]11;rgb:1e1e/1e1e/1e1e\u001b\\', '\u001b]10;rgb:0/0/0\u0007', '\u001bP>|xterm(370)\u001b\\', '\u001b[12;40R', '\u001b[<0;12;5M', '\u001b[M !!',
      '\u001b[I', '\u001b[97;5u', '\u001b[200~pasted\r\nX\r\u001b[201~', '\u001b[200~\u001b[A表\u001b[201~', '\u001bx',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 6 }), (tokens, places) => {
        const bytes = Buffer.from(tokens.join(''));
        const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((one, other) => one - other), bytes.length];
        const decoder = new StringDecoder('utf8');
        const chunks = cuts.slice(1).map((end, at) => decoder.write(bytes.subarray(cuts[at], end))).filter((chunk) => chunk !== '');
        expect(typed(...chunks)).toEqual(typed(...(bytes.length === 0 ? [] : [bytes.toString()])));
      }),
      { numRuns: 500 },
    );
  });
});
