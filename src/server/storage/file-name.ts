import { StorageError } from './storage-error.ts';

/** Bytes of a name in UTF-8, which is what S3 takes too. */
const maxNameBytes = 1024;

/**
 * A file's name in its bucket, such as `<user id>/in.png`, or a refusal. Nothing that a file system, an
 * address or an eye could read as another place: no empty or dotted folders, also in letters that only look
 * like them, no backslash, no control or invisible characters, nothing that ends the path of an address.
 */
export function checkedName(name: string): string {
  const problem = problemOf(name);
  if (problem !== undefined) throw new StorageError(400, 'InvalidKey', `Invalid key: ${problem}`);
  return name;
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'a file needs a name';
  if (Buffer.byteLength(name) > maxNameBytes) return `longer than ${maxNameBytes} bytes`;
  if (!name.isWellFormed() || /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\\?#%]/u.test(name)) return 'it holds a character that names cannot';
  if (name.normalize('NFC') !== name) return 'its letters are not composed (NFC)';
  const looks = name.normalize('NFKC');
  if (looks.includes('\\') || looks.includes('%')) return 'it holds a character that looks like another';
  if (looks.split('/').some((part) => /^\s*\.{0,2}\s*$/.test(part))) return 'a folder without a name, or `..`';
  return undefined;
}
