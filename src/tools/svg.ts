import type { StyledText } from './terminal-screen.ts';

/** Size of one character cell of a 14 px monospace font, in SVG units. */
const cell = { width: 8.4, height: 18 } as const;
const padding = 14;
const ground = '#1d1f21';
const ink = '#c5c8c6';

/** A screen that a recording shows for a while, and what is to be seen in it. */
export interface Frame {
  readonly rows: Screen;
  readonly seconds: number;
  readonly caption: string;
}

type Screen = readonly (readonly StyledText[])[];

/** A terminal screen as an SVG picture: text stays text, so it is small, sharp and readable by machines. */
export function screenAsSvg(rows: Screen, columns: number, title: string): string {
  return picture(title, columns, rows.length, rowsAsSvg(rows));
}

/**
 * Screens one after another, over and over, each with its caption below. Moves by style alone, so that it does so
 * wherever pictures are shown; whoever wants nothing to move sees the last one.
 */
export function recordingAsSvg(frames: readonly Frame[], columns: number, title: string): string {
  const total = frames.reduce((sum, { seconds }) => sum + seconds, 0);
  const height = Math.max(...frames.map(({ rows }) => rows.length)) + 2;
  const share = (seconds: number): string => `${((seconds / total) * 100).toFixed(3)}%`;
  let begin = 0;
  const styles = frames.map(({ seconds }, i) => {
    const end = begin + seconds;
    const rule = `@keyframes f${i}{0%{visibility:${begin === 0 ? 'visible' : 'hidden'}}${begin === 0 ? '' : `${share(begin)}{visibility:visible}`}${i === frames.length - 1 ? '' : `${share(end)}{visibility:hidden}`}}#f${i}{visibility:hidden;animation:f${i} ${total}s step-end infinite}`;
    begin = end;
    return rule;
  });
  const still = `@media (prefers-reduced-motion){g{animation:none!important}#f${frames.length - 1}{visibility:visible}}`;
  const groups = frames.map(({ rows, caption }, i) => {
    const top = padding + (height - 0.6) * cell.height;
    return `<g id="f${i}">${rowsAsSvg(rows)}<text x="${padding}" y="${top}" fill="${ink}" font-style="italic">${escape(caption)}</text></g>`;
  });
  return picture(title, columns, height, `<style>${styles.join('')}${still}</style>${groups.join('\n')}`);
}

function picture(title: string, columns: number, rows: number, body: string): string {
  const width = Math.ceil(columns * cell.width + 2 * padding);
  const height = rows * cell.height + 2 * padding;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<title>${escape(title)}</title><rect width="100%" height="100%" rx="8" fill="${ground}"/>` +
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve">\n${body}</g></svg>\n`
  );
}

function rowsAsSvg(rows: Screen): string {
  return rows.map((row, y) => rowAsSvg(row, padding + y * cell.height)).join('');
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
