import { lineText, span, type Line, type Span } from '../output/line.ts';

/** A line with the words searched for standing out, and in bold where the cursor is. */
export function searched(line: Line, search: string, here: boolean): Line {
  const plain = here ? line.map((one) => ({ ...one, bold: true })) : line;
  if (search === '' || !lineText(line).toLowerCase().includes(search.toLowerCase())) return plain;
  const words = search.toLowerCase();
  return plain.flatMap((one): Span[] => {
    const at = one.text.toLowerCase().indexOf(words);
    if (at === -1) return [one];
    return [{ ...one, text: one.text.slice(0, at) }, span(one.text.slice(at, at + words.length), 'match'), { ...one, text: one.text.slice(at + words.length) }];
  });
}
