import { describe, expect, it } from 'vitest';
import { jsonProblem } from './json-problem.ts';

/** What stands where the problem is said to be. */
function faultIn(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    return text.slice(jsonProblem(text, error).offset);
  }
  throw new Error('the text is JSON');
}

describe('the place of a mistake in JSON', () => {
  it('is found where the engine does not tell it', () => {
    expect(faultIn('{\n  "prompt": lighthouse,\n  "width": 512\n}')).toBe('lighthouse,\n  "width": 512\n}');
    expect(faultIn('{\n  "a": [1, 2,, 3]\n}')).toBe(', 3]\n}');
    expect(faultIn('{"a": {"b": [true, {"c": 1}]]}, "d": 2}')).toBe(']}, "d": 2}');
    expect(faultIn('{"a": "one \\" two", "b": nul}')).toBe('nul}');
    expect(faultIn('x')).toBe('x');
  });

  it('agrees with the engine where that tells it', () => {
    expect(faultIn('{\n  "a": 1\n  "b": 2\n}')).toBe('"b": 2\n}');
    expect(faultIn('{"a": 1,}')).toBe('}');
    expect(faultIn('{"a": 1} 2')).toBe('2');
  });

  it('is the end of a text that ends too early, blanks not counted', () => {
    expect(faultIn('{"a": [1, 2\n\n')).toBe('\n\n');
    expect(faultIn('')).toBe('');
  });

  it('is told without the text itself, long or short', () => {
    for (const text of ['{"a": x}', `{"a": x, "b": "${'y'.repeat(200)}"}`, `{"b": "${'y'.repeat(200)}", "a": x}`]) {
      try {
        JSON.parse(text);
      } catch (error) {
        expect(jsonProblem(text, error).message).toBe("Unexpected token 'x'");
      }
    }
  });
});
