import { limits } from '../protocol/limits.ts';

/** What one JSON document may have before it is handed to a database. */
export interface JsonBounds {
  readonly depth: number;
  readonly keys: number;
}

const defaultBounds: JsonBounds = { depth: limits.jsonDepth, keys: limits.jsonKeys };

/**
 * What is wrong with the size of a JSON text, in words, or undefined. One pass over the characters, without
 * parsing: a text a million levels deep costs as much as any other of its length.
 *
 * `envelope` is how many levels belong to the message and not to a document: 1 for an array of rows or the
 * named arguments of a function. Depth and keys are counted within each document.
 */
export function jsonTextProblem(text: string, envelope = 0, bounds: JsonBounds = defaultBounds): string | undefined {
  let depth = 0;
  let keys = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth += 1;
        if (depth - envelope > bounds.depth) return tooDeep(bounds);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1;
        if (depth <= envelope) keys = 0;
        break;
      case 0x3a: // :
        if (depth > envelope && ++keys > bounds.keys) return tooManyKeys(bounds);
        break;
    }
  }
  return undefined;
}

/** Index of the closing quote, or of the last character when there is none. */
function endOfString(text: string, start: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return at;
  }
}

const tooDeep = (bounds: JsonBounds): string => `JSON nested deeper than ${bounds.depth} levels`;
const tooManyKeys = (bounds: JsonBounds): string => `JSON with more than ${bounds.keys} keys in one document`;
