/** Does a text match? Whatever its case, and in time that is linear in its length. */
export type TextTest = (text: string) => boolean;

/**
 * A text in which `*` is anything; the rest stands for itself. `whole`: the whole of a text has to be so, and not a part.
 *
 * No regular expression: of one with several stars a text that nearly matches takes time by the power of their number.
 */
export function globTest(glob: string, whole: boolean): TextTest {
  const parts = glob.toLowerCase().split('*');
  const head = parts[0]!;
  if (!whole) return (text) => placesOf(parts, text.toLowerCase(), 0) !== -1;
  if (parts.length === 1) return (text) => text.toLowerCase() === head;
  const tail = parts.at(-1)!;
  const between = parts.slice(1, -1);
  return (text) => {
    const lower = text.toLowerCase();
    if (!lower.startsWith(head)) return false;
    // The first places that fit leave the most room for what comes after them.
    const end = placesOf(between, lower, head.length);
    return end !== -1 && end <= lower.length - tail.length && lower.endsWith(tail);
  };
}

/** One after the last of some parts that stand in a text in this order from a place on; -1 where they do not. */
function placesOf(parts: readonly string[], text: string, from: number): number {
  let at = from;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return -1;
    at = found + part.length;
  }
  return at;
}
