/** One figure of a check: what was measured, what is demanded, and whether it is met. */
export interface Figure {
  readonly name: string;
  readonly measured: string;
  readonly demanded: string;
  readonly isMet: boolean;
  /** A figure of time says as much of the machine as of the program. */
  readonly isTime?: boolean;
}

/**
 * Prints the table of a check and its last line, and sets the exit status. With `STEPSCOPE_CHECK_TIMES=report` a
 * time that is missed is told and fails nothing: for machines that do other things beside.
 */
export function report(title: string, figures: readonly Figure[]): void {
  const columns = ['name', 'measured', 'demanded'] as const;
  const widths = columns.map((column) => Math.max(column.length, ...figures.map((figure) => figure[column].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join('  ')
      .trimEnd();

  console.log(`\n${title}\n`);
  console.log(`    ${line(columns)}`);
  const verdict = (figure: Figure): string => (figure.isMet ? 'ok  ' : fails(figure) ? 'MISS' : 'slow');
  for (const figure of figures) console.log(`${verdict(figure)}${line(columns.map((column) => figure[column]))}`);
  const failed = figures.filter(fails).length;
  console.log(`\n${figures.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

/** Does a figure fail its check? */
export function fails({ isMet, isTime = false }: Figure): boolean {
  return !isMet && !(isTime && process.env['STEPSCOPE_CHECK_TIMES'] === 'report');
}

/** The value below which the given share of the samples lies; 0 for none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** A count from the command line. */
export function countArgument(fallback: number): number {
  const given = Number(process.argv[2] ?? fallback);
  if (!Number.isInteger(given) || given < 1) throw new Error(`expected a count, got ${process.argv[2]}`);
  return given;
}
