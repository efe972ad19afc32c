import type { StyledText } from './terminal-screen.ts';

/** Size of one character cell of a 14 px monospace font, in SVG units. */
const cell = { width: 8.4, height: 18 } as const;
const padding = 14;
const ground = '#1d1f21';
const ink = '#c5c8c6';

/** A terminal screen as an SVG picture: text stays text, so it is small, sharp and readable by machines. */
export function screenAsSvg(rows: readonly (readonly StyledText[])[], columns: number, title: string): string {
  const width = Math.ceil(columns * cell.width + 2 * padding);
  const height = rows.length * cell.height + 2 * padding;
  const body = rows.map((row, y) => rowAsSvg(row, padding + y * cell.height)).join('');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<title>${escape(title)}</title><rect width="100%" height="100%" rx="8" fill="${ground}"/>` +
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve">\n${body}</g></svg>\n`
  );
}

function rowAsSvg(row: readonly StyledText[], top: number): string {
  let column = 0;
  const parts = row.map((run) => {
    const x = (padding + column * cell.width).toFixed(1);
    const width = (run.columns * cell.width).toFixed(1);
    column += run.columns;
    const [foreground, background] = run.inverse
      ? [run.background ?? ground, run.foreground ?? ink]
      : [run.foreground ?? ink, run.background];
    const back =
      background === undefined ? '' : `<rect x="${x}" y="${top}" width="${width}" height="${cell.height}" fill="${background}"/>`;
    if (run.text.trim() === '') return back;
    const weight = `${run.bold ? ' font-weight="bold"' : ''}${run.dim ? ' opacity="0.65"' : ''}`;
    return `${back}<text x="${x}" y="${top + 13.5}" textLength="${width}" fill="${foreground}"${weight}>${escape(run.text)}</text>`;
  });
  const line = parts.join('');
  return line === '' ? '' : `${line}\n`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0');
}
