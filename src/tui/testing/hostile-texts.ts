/** What may stand in any message, name or value, by what it tries. */
export const hostileTexts: Readonly<Record<string, string>> = {
  'a clipboard write': 'a\u001b]52;c;ZXZpbA==\u0007b',
  'a window title': 'a\u001b]0;gotcha\u001b\\b',
  'a hyperlink': 'a\u001b]8;;http://evil.example\u0007click\u001b]8;;\u0007b',
  'a cleared screen': 'a\u001b[2J\u001b[H\u001b[?1049lb',
  'a device query': 'a\u001b[c\u001bP$q"p\u001b\\b',
  'hidden text': 'visible \u001b[8mhidden\u001b[0m',
  'C1 bytes': 'a\u009d0;X\u009c\u009b31mb',
  'backspaces': 'abc\b\b\bXYZ\u0007',
  'line breaks': 'a\nb\r\nc\u2028d\u000b\fe',
  'a right-to-left override': 'access \u202euser\u202c level \u200f\u061c',
  'half a character': 'a\ud800b\udc00',
  'emoji families, flags and marks': '表表 👨‍👩‍👧‍👦 🇯🇵 ⚠️ ❤️ 1️⃣ e\u0301 ก็ นี้ 👍🏽',
  'tabs and 20,000 characters': `\t${'x'.repeat(20_000)}`,
  'Thai, Devanagari and more marks than one': 'ภาษาไทย नमस्ते Z\u0351\u036b\u0343\u036a\u0302a\u0300\u0301l',
  'a carriage return over the line': 'shown\rhidden',
  'a lone escape': 'a\u001b',
};
