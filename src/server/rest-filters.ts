import { randomBytes } from 'node:crypto';

/*
 * The Data API's own reader of filters guesses: `1e5` becomes a number, `null` and `"x"` lose what they are,
 * numbers beyond 2^53 are rounded, and of two conditions on one column it keeps the last. So filters are read
 * here, by PostgREST's grammar, and written anew in the part of it that is read well: every value is sealed,
 * a word without meaning, until it has become a parameter, and conditions on one column are told apart by `and`.
 */

/** Nobody else can write it, so no text of a request is taken for a sealed one. */
const seal = `v${randomBytes(8).toString('hex')}_`;
const sealed = (value: string): string => seal + Buffer.from(value).toString('base64url');

/** Puts back every value that {@link withSealedFilters} sealed, however deep it lies. */
export function unsealed<Value>(value: Value): Value {
  if (typeof value === 'string') {
    return (value.startsWith(seal) ? Buffer.from(value.slice(seal.length), 'base64url').toString() : value) as Value;
  }
  if (Array.isArray(value)) return value.map(unsealed) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unsealed(part)])) as Value;
}

const notFilters = new Set(['select', 'order', 'limit', 'offset', 'on_conflict', 'columns', 'apikey']);
const isOfEmbedded = (name: string): boolean => /\.(order|limit|offset)$/.test(name);

/** `or`, `not.and`, `rel.or`: the path before it, and which. */
const logicName = /^(?:(.+?)\.)??((?:not\.)?(?:and|or))$/;
const operator =
  /^(?:not\.)?(?:(?:eq|gte?|lte?|i?like|i?match)(?:\((?:any|all)\))?|neq|is|isdistinct|in|c[sd]|ov|s[lr]|nx[lr]|adj|(?:pl|ph|w)?fts(?:\([^)]*\))?)\./;

/** The address of a request to the Data API with the same filters in the form described above. Throws {@link FilterError}. */
export function withSealedFilters(method: string, address: URL): URL {
  const isCall = method === 'GET' && address.pathname.startsWith('/rest/v1/rpc/');
  const rest = new URLSearchParams();
  /** Conditions by the name they stand under. */
  const conditions = new Map<string, string[]>();
  const add = (name: string, condition: string): void => void conditions.set(name, [...(conditions.get(name) ?? []), condition]);

  refuseBombs(address.searchParams.get('select') ?? '');
  for (const [name, value] of address.searchParams) {
    if (notFilters.has(name) || isOfEmbedded(name)) rest.append(name, value);
    else if (logicName.test(name)) add(name, logicOf(value));
    else if (operator.test(value)) add(fieldName(name), sealedCondition(value));
    // What is not `operator.value` is an argument of a function, or a mistake to be told as it came.
    else rest.append(name, isCall ? sealed(value) : value);
  }
  for (const [name, several] of joined(conditions)) for (const condition of several) rest.append(name, condition);

  const target = new URL(address);
  target.search = rest.toString();
  return target;
}

/** Joins within joins, and joins in all, that one request may ask for: each multiplies what the database does. */
const maxJoins = { deep: 8, inAll: 32 };

function refuseBombs(select: string): void {
  let [open, inAll] = [0, 0];
  for (const letter of select) {
    if (letter === '(') {
      open += 1;
      inAll += 1;
    } else if (letter === ')') open -= 1;
    if (open > maxJoins.deep)
      throw new FilterError(`"failed to parse select parameter": more than ${maxJoins.deep} joins within each other`);
    if (inAll > maxJoins.inAll) throw new FilterError(`"failed to parse select parameter": more than ${maxJoins.inAll} joins`);
  }
}

/** Of several conditions under one name, one `and` for each resource they are about. */
function joined(conditions: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, readonly string[]>();
  const together = new Map<string, string[]>();
  for (const [name, several] of conditions) {
    const [, logicPath, logic] = logicName.exec(name) ?? [];
    const dot = name.split('->', 1)[0]!.lastIndexOf('.');
    const path = logic === undefined ? name.slice(0, Math.max(dot, 0)) : (logicPath ?? '');
    const target = path === '' ? 'and' : `${path}.and`;
    if (several.length === 1 && name !== target) result.set(name, several);
    else {
      const terms = several.map((condition) => (logic === undefined ? `${name.slice(dot + 1)}.${condition}` : `${logic}${condition}`));
      together.set(target, [...(together.get(target) ?? []), ...terms]);
    }
  }
  for (const [target, terms] of together) result.set(target, [`(${terms.join(',')})`]);
  return result;
}

/** A name, or a path into JSON. At signs of anything else the Data API would stop to read, and filter by what came before. */
function fieldName(name: string): string {
  if (!/^("[^"]+"|[^"!@/\\~[\]()\t:=])+$/.test(name)) throw new FilterError(`"failed to parse filter (${name})"`);
  return name;
}

/** A filter that cannot be read, as PostgREST says so. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

/** `operator.value`, with the value sealed. */
function sealedCondition(condition: string): string {
  const [prefix = ''] = operator.exec(condition) ?? [];
  const value = condition.slice(prefix.length);
  const kind = prefix.replace(/^not\./, '').slice(0, -1);
  if (kind === 'is') return condition;
  const text = kind.includes('like') ? value.replaceAll('*', '%') : value;
  if (kind === 'in') {
    if (!text.startsWith('(') || !text.endsWith(')')) throw new FilterError(`"failed to parse filter (${condition})"`);
    return `${prefix}(${listOf(text.slice(1, -1)).map(sealed).join(',')})`;
  }
  if (/\((any|all)\)$/.test(kind)) {
    // What is no list is for the database to refuse.
    if (!text.startsWith('{') || !text.endsWith('}')) return condition;
    return `${prefix}{${listOf(text.slice(1, -1)).map(sealed).join(',')}}`;
  }
  return prefix + sealed(text);
}

/** `a,"b,c"` as its elements: what stands in quotes may hold anything, with `\` before quotes and itself. */
function listOf(text: string): string[] {
  if (text === '') return [];
  return split(text, () => true).map((element) => unquoted(element));
}

/** The text of a value: of one in quotes what is in them. */
function unquoted(text: string): string {
  const [, quoted] = /^\s*"(.*)"\s*$/s.exec(text) ?? [];
  return quoted === undefined ? text : quoted.replaceAll(/\\(.)/gs, '$1');
}

/** Nesting of `and` and `or` that is read; more is somebody's bomb. */
const maxDepth = 32;

/** `(a.eq.1,or(b.eq.2,…))` with sealed values. */
function logicOf(text: string, depth = 0): string {
  const [, inside] = /^\((.*)\)$/s.exec(text.trim()) ?? [];
  if (inside === undefined || inside.trim() === '' || depth > maxDepth) throw unreadableTree(text);
  const terms = split(inside, (open) => open === 0).map((term) => {
    const [, logic, rest] = /^((?:not\.)?(?:and|or))\s*(\(.*\))$/s.exec(term.trim()) ?? [];
    if (logic !== undefined) return `${logic}${logicOf(rest!, depth + 1)}`;
    const dot = dotOf(term);
    const condition = term.slice(dot + 1);
    if (dot < 1 || !operator.test(condition)) throw unreadableTree(text);
    const [prefix = ''] = operator.exec(condition) ?? [];
    // Only in a tree are single values quoted: outside of one, quotes belong to the value.
    const isList = /^(?:not\.)?(in|\w+\((any|all)\))\.$/.test(prefix);
    return `${fieldName(term.slice(0, dot).trim())}.${sealedCondition(isList ? condition.trim() : prefix + unquoted(condition.slice(prefix.length)))}`;
  });
  return `(${terms.join(',')})`;
}

const unreadableTree = (text: string): FilterError => new FilterError(`"failed to parse logic tree (${text})"`);

/** Where the column of `column.operator.value` ends. */
function dotOf(term: string): number {
  const closing = term.trimStart().startsWith('"') ? term.indexOf('"', term.indexOf('"') + 1) : 0;
  return term.indexOf('.', closing);
}

/**
 * The parts of `text` between commas, outside quotes, where `isTop` says so of the number of open parentheses
 * and braces. A quote begins one only where a value begins.
 */
function split(text: string, isTop: (open: number) => boolean): string[] {
  const parts: string[] = [];
  let [from, open, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (quoted && letter === '\\') at += 1;
    else if (letter === '"' && (quoted || '.,({'.includes(text[at - 1] ?? ','))) quoted = !quoted;
    else if (quoted) continue;
    else if (letter === '(' || letter === '{') open += 1;
    else if (letter === ')' || letter === '}') open -= 1;
    else if (letter === ',' && isTop(open)) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}
