import { pointer } from '../../core/json-diff.ts';
import { formatBytes, plural } from '../../core/format.ts';
import type { Json } from '../../protocol/json.ts';

/** One visible row of a JSON document that can be folded. */
export interface JsonRow {
  /** JSON Pointer. */
  readonly path: string;
  readonly depth: number;
  /** Key or index under the parent; undefined for the document itself. */
  readonly name: string | undefined;
  readonly inArray: boolean;
  readonly value: Json;
  readonly foldable: boolean;
  readonly open: boolean;
}

export interface Folding {
  /** Paths whose folding differs from what their depth gives. */
  readonly toggled: ReadonlySet<string>;
  readonly allFolded: boolean | undefined;
}

/** Deeper values start folded, as do containers with more entries than a screen has rows. */
const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 40;
/** Rows made at most; a document of a million values is read through a narrower fold. */
const MAX_ROWS = 20_000;

function isOpen(path: string, depth: number, entries: number, folding: Folding): boolean {
  const preset = folding.allFolded === undefined ? depth < OPEN_DEPTH && (entries <= OPEN_ENTRIES || depth === 0) : !folding.allFolded || depth === 0;
  return folding.toggled.has(path) ? !preset : preset;
}

/** The rows of a document that its folding shows, in order. Only what is unfolded is visited. */
export function jsonRows(value: Json, folding: Folding): readonly JsonRow[] {
  const rows: JsonRow[] = [];
  const visit = (part: Json, tokens: readonly string[], inArray: boolean): void => {
    if (rows.length >= MAX_ROWS) return;
    const entries = entriesOf(part);
    const path = pointer(tokens);
    const foldable = entries !== undefined && entries.length > 0;
    const open = foldable && isOpen(path, tokens.length, entries.length, folding);
    // The document itself needs no row: its keys stand at the left edge.
    if (tokens.length > 0 || !foldable) rows.push({ path, depth: Math.max(0, tokens.length - 1), name: tokens.at(-1), inArray, value: part, foldable, open });
    if (!open) return;
    for (const [key, child] of entries) visit(child, [...tokens, key], Array.isArray(part));
  };
  visit(value, [], false);
  return rows;
}

/** What a folded or plain value looks like in one line. */
export function previewOf(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${plural(value.length, 'item')}]`;
  if (value !== null && typeof value === 'object') {
    const keys = Object.keys(value);
    const marked = value as Readonly<Record<string, Json>>;
    if (typeof marked['$truncated'] === 'number') return `(${formatBytes(marked['$truncated'])}, too large to keep)`;
    if (marked['$secret'] !== undefined) return '(secret)';
    return keys.length === 0 ? '{}' : `{${keys.slice(0, 4).join(', ')}${keys.length > 4 ? `, +${keys.length - 4}` : ''}}`;
  }
  return JSON.stringify(value);
}

function entriesOf(value: Json): readonly (readonly [string, Json])[] | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  return Object.entries(value as Readonly<Record<string, Json>>);
}
