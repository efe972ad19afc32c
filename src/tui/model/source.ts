import { span, wrapLine, type Line } from '../output/line.ts';
import type { Glyphs } from '../output/glyphs.ts';
import type { LoadedSnapshot } from '../state.ts';
import type { Content, ContentRow } from './detail.ts';

/** The code of a step with its line numbers in the file; the highlighted range carries a bar. */
export function sourceRows(loaded: LoadedSnapshot, columns: number, wraps: boolean, glyphs: Glyphs): Content {
  const bar = ` ${glyphs.divider} `;
  const source = loaded.snapshot?.source;
  if (!source) return { rows: [{ line: [span('The source of this step was not recorded.', 'muted')] }], summary: '' };
  const plain = source.code.split('\n');
  const digits = String(source.firstLine + plain.length - 1).length;
  const rows = plain.flatMap((text, index): ContentRow[] => {
    const number = source.firstLine + index;
    const lit = source.highlightFrom !== null && number >= source.highlightFrom && number <= (source.highlightTo ?? source.highlightFrom);
    const head: Line = [span(String(number).padStart(digits), lit ? 'accent' : 'muted'), span(lit ? bar : '   ', 'accent')];
    const colored = loaded.highlighted?.[index] ?? [span(text)];
    const parts = wraps ? wrapLine(colored, columns - digits - 3, '  ') : [colored];
    const margin: Line = [span(' '.repeat(digits)), span(lit ? bar : '   ', 'accent')];
    return parts.map((part, at): ContentRow => ({ line: [...(at === 0 ? head : margin), ...part], change: lit && at === 0 && number === source.highlightFrom }));
  });
  const where = [source.functionName ? `${source.functionName}()` : undefined, source.filePath ? `${source.filePath}:${source.firstLine}` : undefined];
  return { rows, summary: where.filter((one) => one !== undefined).join('  ') };
}
