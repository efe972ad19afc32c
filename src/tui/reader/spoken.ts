import { drawable } from '../output/drawable.ts';
import { lineText, type Line } from '../output/line.ts';

/** Signs, rules, blocks and Braille dots: they are drawn beside the words that say the same. */
const signs = /[·›…\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2800-\u28ff\u2b50-\u2b55]/gu;

const arrows: Readonly<Record<string, string>> = { '↑': 'up', '↓': 'down', '←': 'left', '→': 'right' };

/** A row of the screen as a person hears it: its words, without signs, rules and columns, and inert. */
export function spoken(of: Line | string): string {
  const text = drawable(typeof of === 'string' ? of : lineText(of));
  // Between two values an arrow is "to"; in a column of keys it is a key.
  return text.replaceAll(/(?<=\S )→(?= \S)/g, 'to').replaceAll(/[↑↓←→]/g, (arrow) => arrows[arrow]!).replaceAll(signs, ' ').replaceAll(/\s+/g, ' ').trim();
}
