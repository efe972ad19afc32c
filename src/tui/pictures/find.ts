import { pointer } from '../../core/json-diff.ts';
import type { Json } from '../../protocol/json.ts';

/** Where a picture is that a value of a run speaks of. */
export interface PictureSource {
  /** Where the value stands: `outputs /files/0/path`. */
  readonly place: string;
  readonly address: string;
  readonly kind: 'storage' | 'url' | 'data';
}

/** Values looked at, and pictures offered, of one step. */
const MAX_VALUES = 20_000;
const MAX_SOURCES = 50;

const extension = /\.(png|jpe?g|webp|gif|avif|svg|bmp|tiff?)$/i;

/** What a text is as the address of a picture; undefined when it is none. */
export function pictureAddress(text: string, isSaidToBe = false): PictureSource['kind'] | undefined {
  if (/^data:image\/[\w.+-]+[;,]/i.test(text)) return 'data';
  if (text.length > 4_000 || /\s/.test(text)) return undefined;
  if (/^https?:\/\//i.test(text)) {
    if (!URL.canParse(text)) return undefined;
    const { pathname } = new URL(text);
    return isSaidToBe || extension.test(pathname) || /\/storage\/v1\/(object|render\/image)\//.test(pathname) ? 'url' : undefined;
  }
  // A path in the storage begins with its bucket. What has a scheme of another kind is none.
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || text.startsWith('/') || !text.includes('/')) return undefined;
  return isSaidToBe || extension.test(text) ? 'storage' : undefined;
}

/** The pictures that values speak of, each address once, in the order in which they stand there. */
export function findPictures(values: Readonly<Record<string, Json | null | undefined>>): readonly PictureSource[] {
  const found = new Map<string, PictureSource>();
  let looked = 0;
  const visit = (value: Json, name: string, tokens: readonly string[], isSaidToBe: boolean): void => {
    looked += 1;
    if (looked > MAX_VALUES || found.size >= MAX_SOURCES) return;
    if (typeof value === 'string') {
      const kind = pictureAddress(value, isSaidToBe && ['path', 'url', 'href', 'src', 'uri'].includes(tokens.at(-1) ?? ''));
      if (kind && !found.has(value)) found.set(value, { place: `${name} ${pointer(tokens)}`, address: value, kind });
    } else if (value !== null && typeof value === 'object') {
      // An object that names a type of image says so of its path or address.
      const said = Object.values(value as Readonly<Record<string, Json>>).some((one) => typeof one === 'string' && /^image\/[\w.+-]+$/.test(one));
      for (const [key, child] of Object.entries(value as Readonly<Record<string, Json>>)) visit(child, name, [...tokens, key], said);
    }
  };
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined) visit(value, name, [], false);
  return [...found.values()];
}
