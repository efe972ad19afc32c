const unicode = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const ascii = ['_', '.', ',', '-', '=', '+', '*', '#'] as const;

/** Values from the least to the greatest as signs of growing height, the newest `cells` of them. What is no number is left out. */
export function sparkline(values: readonly number[], cells: number, isAscii: boolean): string {
  const signs = isAscii ? ascii : unicode;
  const shown = values.filter(Number.isFinite).slice(-Math.max(1, cells));
  const least = shown.reduce((low, value) => Math.min(low, value), Infinity);
  // Halves, because the distance of two numbers may be more than a number holds.
  const above = (value: number) => value / 2 - least / 2;
  const range = above(shown.reduce((high, value) => Math.max(high, value), -Infinity));
  // Equal values are a line in the middle, not a row of towers or nothing.
  return shown.map((value) => signs[range === 0 ? 3 : Math.round((above(value) / range) * (signs.length - 1))]).join('');
}

/** Counts as signs from nothing on: none is a blank, the greatest the highest sign, and one is never invisible. */
export function countSigns(counts: readonly number[], isAscii: boolean): readonly string[] {
  const signs = isAscii ? ascii : unicode;
  const most = counts.reduce((high, value) => Math.max(high, value), 0);
  return counts.map((count) => (count <= 0 || most === 0 ? ' ' : signs[Math.max(0, Math.ceil((count / most) * signs.length) - 1)]!));
}
