import type { Json, JsonObject } from '../protocol/json.ts';
import { encodeValue } from './encode-value.ts';
import { pointer } from './json-diff.ts';
import { credentialShapes, personalShapes, suspicious } from './secret-shapes.ts';
import { isSensitiveKey, keyWords } from './sensitive-key.ts';

export interface MaskRules {
  /** Keys to mask besides the built-in ones, in any spelling: `apiKey` is also `api_key` and `API-KEY`. */
  readonly keys?: readonly string[] | undefined;
  /** Keys whose values are left alone, whatever they look like. */
  readonly allow?: readonly string[] | undefined;
  /** Secrets known by value, masked wherever they stand. Shorter than six characters they are ignored. */
  readonly values?: readonly string[] | undefined;
  /** Mail addresses, phone, card and account numbers. On unless switched off. */
  readonly personal?: boolean | undefined;
}

/** Masks by one set of rules. Whatever goes wrong, nothing unmasked comes back. */
export interface Masker {
  readonly text: (text: string) => string;
  readonly json: (value: Json) => Json;
  /**
   * As {@link json}, but each text that was changed becomes `{"$secret": masked}`: for inputs and states,
   * from which somebody may want to go on and must learn that the real value is not there.
   */
  readonly marked: (value: Json) => Json;
  /** Adds a secret known by value. */
  readonly learn: (secret: string) => void;
}

/** What stands where a value could not be masked. */
const UNMASKABLE = '[not stored: masking failed]';
/** What is shown of a secret: at most this many characters, and never more than a third of it. */
const MOST_REVEALED = 4;
const SHORTEST_VALUE = 6;

/** `***` and the last characters of a secret: `sk-abc123` is `***123`. */
export function maskSecret(secret: string): string {
  if (/^\*{3}.{0,4}$/su.test(secret)) return secret;
  const reveal = Math.min(MOST_REVEALED, Math.floor(secret.length / 3));
  return `***${reveal === 0 ? '' : secret.slice(-reveal)}`;
}

export function createMasker(rules: MaskRules = {}): Masker {
  const extra = new Set((rules.keys ?? []).map(spelling));
  const allowed = new Set((rules.allow ?? []).map(spelling));
  const shapes = rules.personal === false ? credentialShapes : [...credentialShapes, ...personalShapes];
  const values: string[] = [];
  const learn = (secret: string) => {
    if (secret.length < SHORTEST_VALUE || values.includes(secret)) return;
    values.push(secret);
    // The longest first, or a secret that contains another would be half masked.
    values.sort((a, b) => b.length - a.length);
  };
  for (const value of rules.values ?? []) learn(value);
  const isSecretKey = (key: string) => (extra.size > 0 && extra.has(spelling(key))) || isSensitiveKey(key);

  const maskText = (text: string): string => {
    let masked = text;
    for (const value of values) if (masked.includes(value)) masked = masked.replaceAll(value, maskSecret(value));
    if (!suspicious.test(masked)) return masked;
    masked = maskPairs(masked, isSecretKey);
    for (const { pattern, confirm } of shapes) {
      masked = masked.replaceAll(pattern, (match: string, ...groups: unknown[]) => {
        if (confirm !== undefined && !confirm(match)) return match;
        const part = groups.slice(0, -2).find((group): group is string => typeof group === 'string');
        if (part === undefined) return maskSecret(match);
        const at = match.lastIndexOf(part);
        return match.slice(0, at) + maskSecret(part) + match.slice(at + part.length);
      });
    }
    return masked;
  };

  const walk = (value: Json, isSecret: boolean, mark: boolean): Json => {
    if (typeof value === 'string') {
      const masked = isSecret && value !== '' ? maskSecret(value) : maskText(value);
      return masked === value || !mark ? masked : { $secret: masked };
    }
    if (typeof value === 'number') return isSecret ? (mark ? { $secret: '***' } : '***') : maskNumber(value, mark);
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map((item) => walk(item, isSecret, mark));
    const entries = Object.entries(value as JsonObject).map(([key, part]): [string, Json] => {
      if (key === '$secret') return [key, typeof part === 'string' ? maskText(part) : '***'];
      if (isReference(key)) return [key, part];
      const isAllowed = allowed.size > 0 && allowed.has(spelling(key));
      return [maskText(key), isAllowed ? part : walk(part, isSecret || isSecretKey(key), mark)];
    });
    return Object.fromEntries(entries);
  };

  // A card number kept as a number is a card number.
  const maskNumber = (value: number, mark: boolean): Json => {
    if (!Number.isInteger(value) || value < 1e14) return value;
    const masked = maskText(String(value));
    return masked === String(value) ? value : mark ? { $secret: masked } : masked;
  };

  return {
    text: (text) => attempt(() => maskText(text), UNMASKABLE),
    json: (value) => attempt(() => walk(value, false, false), UNMASKABLE),
    marked: (value) => attempt(() => walk(value, false, true), { $secret: UNMASKABLE }),
    learn,
  };
}

/**
 * A copy of `data` in which secrets are masked: the values of sensitive keys, of `keysToMask`, and whatever
 * looks like a key, a token, a password or a person, in any text. Accepts anything; never throws.
 *
 * @example maskSensitiveData({ apiKey: 'sk-abc123', prompt: 'test' }, ['apiKey']) // { apiKey: '***123', prompt: 'test' }
 */
export function maskSensitiveData<T>(data: T, keysToMask: readonly string[] = [], rules: Omit<MaskRules, 'keys'> = {}): T {
  return createMasker({ ...rules, keys: keysToMask }).json(encodeValue(data, { size: Number.MAX_SAFE_INTEGER })) as T;
}

/** Paths of everything masked in a value: what nobody can go on from. JSON Pointers. */
export function findSecrets(value: Json, path: readonly (string | number)[] = []): readonly string[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap((item: Json, i) => findSecrets(item, [...path, i]));
  const object = value as JsonObject;
  if ('$secret' in object) return [pointer(path)];
  return Object.entries(object).flatMap(([key, part]) => findSecrets(part, [...path, key]));
}

/** The head of `key=value`, `"key": "value"` or `?key=value`, also inside of JSON that stands in a text. */
const pairHead = /(?<![\w.-])([A-Za-z][\w.-]{1,60})\\*["']?\s{0,4}[=:]\s{0,4}/g;
const pairValue = /(\\*["'])((?:(?!\1)[^\n]){0,4096})|([^\s"'\\,;&{}[\]()<>]{1,4096})/y;

function maskPairs(text: string, isSecretKey: (key: string) => boolean): string {
  let masked = '';
  let done = 0;
  for (const head of text.matchAll(pairHead)) {
    const start = head.index + head[0].length;
    if (start < done || !isSecretKey(head[1]!)) continue;
    pairValue.lastIndex = start;
    const found = pairValue.exec(text);
    if (found === null) continue;
    const value = found[2] ?? found[3]!;
    if (value === '' || (found[3] !== undefined && isProse(head[0], head[1]!, value))) continue;
    const at = pairValue.lastIndex - value.length;
    masked += text.slice(done, at) + maskSecret(value);
    done = pairValue.lastIndex;
  }
  return done === 0 ? text : masked + text.slice(done);
}

/** `Authorization: Bearer …` is left to its shape, and `token: expected` is a sentence. */
function isProse(head: string, key: string, value: string): boolean {
  if (/^(?:bearer|basic|true|false|null|undefined)$/i.test(value)) return true;
  return /:\s/.test(head) && value.length < 16 && !/\d/.test(value) && !/pass|pwd/i.test(key);
}

function isReference(key: string): boolean {
  return key === '$ref' || key === '$date' || key === '$number' || key === '$undefined';
}

function spelling(key: string): string {
  return keyWords(key).join('');
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
