/** Where JSON text goes wrong, for a cursor and a message. */
export interface JsonProblem {
  /** Index into the text. */
  readonly offset: number;
  readonly message: string;
}

/** The engine's words, with the place it leaves out of some of its messages found for it. */
export function jsonProblem(text: string, error: unknown): JsonProblem {
  const words = error instanceof Error ? error.message : String(error);
  const position = /at position (\d+)/.exec(words);
  const offset = position ? Number(position[1]) : faultOffset(text);
  // Where only the rest is missing, the cursor belongs after the last thing that stands there.
  return { offset: Math.min(offset, text.trimEnd().length), message: describe(words) };
}

function describe(words: string): string {
  return words.replace(/ in JSON at position.*$/s, '').replace(/ at position.*$/s, '').replace(/, (?:\.{3})?"[\s\S]*"(?:\.{3})? is not valid JSON$/, '').replace('Unexpected end of JSON input', 'the text ends too early');
}

const blanks = /[ \t\r\n]*/y;
const token = /([{}[\],:])|"(?:[^"\\]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/uy;

/** What may come next, by what came. `close` stands for the bracket that fits. */
type Expected = 'value' | 'value or close' | 'key' | 'key or close' | 'colon' | 'comma or close' | 'end';

/** Index of the first character that cannot stand where it does; its length where only the rest is missing. */
function faultOffset(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  for (let at = 0; ; ) {
    blanks.lastIndex = at;
    blanks.exec(text);
    at = blanks.lastIndex;
    token.lastIndex = at;
    const found = token.exec(text);
    const next: Expected | undefined | null = found && follow(found[1] ?? (found[0].startsWith('"') ? 'text' : 'scalar'), expected, open);
    if (!found || !next) return at;
    expected = next;
    at = token.lastIndex;
  }
}

/** What is expected after a token; undefined when it may not stand there. Keeps the stack of open brackets. */
function follow(what: string, expected: Expected, open: ('{' | '[')[]): Expected | undefined {
  const afterValue = (): Expected => (open.length === 0 ? 'end' : 'comma or close');
  const isValue = expected === 'value' || expected === 'value or close';
  switch (what) {
    case '{':
    case '[':
      if (!isValue) return undefined;
      open.push(what);
      return what === '{' ? 'key or close' : 'value or close';
    case '}':
    case ']':
      if (!expected.endsWith('close') || open.pop() !== (what === '}' ? '{' : '[')) return undefined;
      return afterValue();
    case ',':
      return expected === 'comma or close' ? (open.at(-1) === '{' ? 'key' : 'value') : undefined;
    case ':':
      return expected === 'colon' ? 'value' : undefined;
    case 'text':
      if (expected === 'key' || expected === 'key or close') return 'colon';
      return isValue ? afterValue() : undefined;
    default:
      return isValue ? afterValue() : undefined;
  }
}
