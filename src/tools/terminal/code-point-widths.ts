import type { IUnicodeVersionProvider, Terminal } from '@xterm/headless';

/**
 * How wide characters are for terminals that look at them one by one, as tmux, screen and most others do: marks and
 * joiners take no cell, what East Asia writes and emoji take two. The emulator's own table is of Unicode 6, where
 * emoji take one.
 */
const codePointWidths: IUnicodeVersionProvider = {
  version: 'code points',
  wcwidth: (codePoint) => widthOf(codePoint),
  // Width in the second and third bit; whether it joins what is before it in the first.
  charProperties(codePoint, preceding) {
    const width = widthOf(codePoint);
    const before = preceding & 0b110;
    return width === 0 && before !== 0 ? before | 1 : width << 1;
  },
};

/** Has an emulator count as such terminals do. */
export function countWidthsByCodePoint(terminal: Terminal): void {
  terminal.unicode.register(codePointWidths);
  terminal.unicode.activeVersion = codePointWidths.version;
}

const none = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u1160-\u11FF]$/u;
const flag = /^\p{Regional_Indicator}$/u;
const wide = /^[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]$/u;

function widthOf(codePoint: number): 0 | 1 | 2 {
  const character = String.fromCodePoint(codePoint);
  if (codePoint < 0x7f) return codePoint < 0x20 ? 0 : 1;
  if (none.test(character)) return 0;
  return wide.test(character) && !flag.test(character) ? 2 : 1;
}
