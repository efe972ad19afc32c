import { distance } from 'fastest-levenshtein';

/**
 * The names a person may have meant, best first: those that begin with what was typed, then those within
 * a third of its length in edits. Empty when nothing is near.
 */
export function closest(typed: string, names: Iterable<string>, most = 3): readonly string[] {
  const wanted = typed.toLowerCase();
  const allowed = Math.max(2, Math.ceil(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => {
      const lower = name.toLowerCase();
      const begins = wanted !== '' && lower.startsWith(wanted);
      return { name, edits: begins ? 0 : distance(wanted, lower), contains: wanted.length > 2 && lower.includes(wanted) };
    })
    .filter((one) => one.edits <= allowed || one.contains)
    .toSorted((a, b) => a.edits - b.edits || a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map((one) => one.name);
}

/** "Did you mean `a`, `b` or `c`?", or undefined when nothing is near. */
export function didYouMean(typed: string, names: Iterable<string>): string | undefined {
  const near = closest(typed, names).map((name) => `\`${name}\``);
  if (near.length === 0) return undefined;
  const last = near.at(-1)!;
  return `Did you mean ${near.length === 1 ? last : `${near.slice(0, -1).join(', ')} or ${last}`}?`;
}
