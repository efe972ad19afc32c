/*
 * `npm run bench -- NAME [--full]`: measures one thing against what a person would use instead, in the same run on
 * the same machine, and prints a table. Ratios travel between machines; times do not.
 */

const benches: Readonly<Record<string, (isFull: boolean) => Promise<boolean>>> = {
  start: async () => await (await import('./bench-start.ts')).benchStart(),
  ingest: async () => await (await import('./bench-ingest.ts')).benchIngest(),
  compare: async () => await (await import('./bench-compare.ts')).benchCompare(),
  terminal: async () => await (await import('./bench-terminal.ts')).benchTerminal(),
  export: async () => await (await import('./bench-export.ts')).benchExport(),
  'log-view': async (isFull) => await (await import('./bench-log-view.ts')).benchLogView(isFull),
};

const isFull = process.argv.includes('--full');
const wanted = process.argv.slice(2).filter((one) => one !== '--full');
const names = wanted.length === 0 ? Object.keys(benches) : wanted;
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined) {
    console.error(`no bench "${name}"; there are ${Object.keys(benches).join(', ')}`);
    process.exitCode = 2;
    break;
  }
  console.log(`\n${name}`);
  if (!(await bench(isFull))) process.exitCode = 1;
}
