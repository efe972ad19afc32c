/** One figure of a bench with the bound it must keep; without a bound it is there to compare with. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly bound?: { readonly kind: 'at most' | 'at least'; readonly value: number } | undefined;
}

/** Prints the figures and says whether all keep their bounds. */
export function reportFigures(figures: readonly Figure[]): boolean {
  for (const { what, value, unit, bound } of figures) {
    const kept = keeps(value, bound) ? 'ok  ' : 'MISS';
    const target = bound === undefined ? '' : `${bound.kind} ${round(bound.value)} ${unit}`;
    console.log(`  ${bound === undefined ? '    ' : kept} ${what.padEnd(44)} ${`${round(value)} ${unit}`.padStart(14)}  ${target}`);
  }
  return figures.every((figure) => keeps(figure.value, figure.bound));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;
}

function keeps(value: number, bound: Figure['bound']): boolean {
  return bound === undefined || (bound.kind === 'at most' ? value <= bound.value : value >= bound.value);
}

function round(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}
