const unicode = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const ascii = ['_', '.', ',', '-', '=', '+', '*', '#'] as const;

/** Values from the least to the greatest as signs of growing height, the newest `cells` of them. */
export function sparkline(values: readonly number[], cells: number, isAscii: boolean): string {
  const signs = isAscii ? ascii : unicode;
  const shown = values.slice(-cells);
  const least = Math.min(...shown);
  const range = Math.max(...shown) - least;
  // Equal values are a line in the middle, not a row of towers or nothing.
  return shown.map((value) => signs[range === 0 ? 3 : Math.round(((value - least) / range) * (signs.length - 1))]).join('');
}
