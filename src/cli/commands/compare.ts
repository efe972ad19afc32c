import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import type { RunSource } from '../../client/load-comparison.ts';
import { runLetter } from '../../core/compare/compare-runs.ts';
import type { CompareOptions, DivergenceFound, RunComparison } from '../../core/compare/comparison.ts';
import { comparableValues } from '../../core/compare/comparable.ts';
import { compareValues } from '../../core/compare/compare-values.ts';
import { pathMatcher } from '../../core/compare/path-globs.ts';
import { differencesSummary, performanceDelta } from '../../core/compare/summarise.ts';
import { formatRelative, plural, printable, shortId } from '../../core/format.ts';
import { DifferencesSummary } from '../../protocol/comparison.ts';
import { UserError } from '../../protocol/error.ts';
import type { ComparisonRow, RunRow } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import type { Io } from '../io.ts';
import { comparisonLines, valueLines } from '../print/comparison-lines.ts';
import { tableLines } from '../print/table.ts';
import { resolveStep } from '../../core/step-reference.ts';
import { rowOf } from '../../core/compare/compare-runs.ts';

interface Flags {
  readonly list?: boolean;
  readonly remove?: string;
  readonly ignore?: readonly string[];
  readonly ignoreVolatile?: boolean;
  readonly tolerance?: string;
  readonly step?: string;
  readonly save?: string;
  readonly failOnDivergence?: boolean;
}

export function addCompareCommand(program: Command): void {
  const command = program
    .command('compare')
    .summary('Puts runs beside each other, and says where they part.')
    .description(
      'Puts two or more runs beside each other: the first place where they part, which steps differ, and which times are outside of the noise of ' +
        'earlier runs. The first run is what the others are compared with. With one run, or none for the last: its parent when it is a fork, else the completed run before it.',
    )
    .argument('[runs...]', 'ids, their last characters, "last", or files with traces')
    .option('--ignore <path>', 'do not compare this: /created_at, or id at any depth; * and ** are allowed', collect)
    .option('--ignore-volatile', 'do not compare what looks like an id or a time')
    .option('--tolerance <number>', 'numbers this close are equal: 0.001, or 1% of the larger one')
    .option('-s, --step <step>', 'all differences in the values of one step: 8e, a key or a name')
    .option('--save <name>', 'keep the comparison')
    .option('--fail-on-divergence', 'exit with status 1 when the runs part')
    .option('--list', 'list comparisons that were kept; of a run, when one is named')
    .option('--remove <id>', 'remove a comparison that was kept');
  onCall<Flags>(
    command,
    async ({ rest, flags, settings, io }) => {
      const options = readOptions(flags);
      const withStored = <T>(work: (backend: Backend) => Promise<T>): Promise<T> => withBackend(settings, io, { runner: false }, ({ backend }) => work(backend));
      if (flags.list === true) return await withStored((backend) => listComparisons(backend, rest[0], io));
      if (flags.remove !== undefined) return await withStored((backend) => removeComparison(backend, flags.remove!, io));
      const files = rest.filter(isFile);
      const needsBackend = files.length < 2 || files.length < rest.length || flags.save !== undefined;
      const compare = (backend: Backend | undefined): Promise<boolean> => compareAll(backend, rest, flags, options, io);
      const isDivergent = needsBackend ? await withStored(compare) : await compare(undefined);
      if (isDivergent && flags.failOnDivergence === true) throw new Ended(1);
    },
    { withoutBackend: true },
  );
}

function isFile(reference: string): boolean {
  return /[./]/.test(reference) && existsSync(reference);
}

function readOptions({ ignore = [], ignoreVolatile = false, tolerance }: Flags): CompareOptions {
  pathMatcher(ignore);
  if (tolerance === undefined) return { ignore, ignoreVolatile };
  const value = Number(tolerance.replace(/%$/, ''));
  if (tolerance.trim() === '' || !(value >= 0) || value === Infinity) throw new UserError('usage', `--tolerance: "${tolerance}" is not a number`, { hint: 'Give one like 0.001, or 1%' });
  return { ignore, ignoreVolatile, tolerance: tolerance.endsWith('%') ? { relative: value / 100 } : { absolute: value } };
}

/** Says whether the runs part. */
async function compareAll(backend: Backend | undefined, references: readonly string[], flags: Flags, options: CompareOptions, io: Io): Promise<boolean> {
  const [{ loadComparison, loadDivergences, recordedRun, storedRun }, { earlierHistory }, { openTraceFile }] = await Promise.all([import('../../client/load-comparison.ts'), import('../../client/earlier-runs.ts'), import('../../client/trace-file.ts')]);
  const closing: (() => Promise<void>)[] = [];
  try {
    const reader = backend?.valueReader();
    const sources: RunSource[] = [];
    for (const reference of references) {
      if (isFile(reference)) {
        const trace = await openTraceFile(reference);
        closing.push(() => trace.close());
        sources.push(recordedRun(trace));
      } else sources.push(storedRun(backend!, await backend!.run(reference), reader!));
    }
    if (sources.length < 2 && backend !== undefined) {
      const newer = sources[0] ?? storedRun(backend, await backend.run('last'), reader!);
      sources.splice(0, 1, storedRun(backend, await runBefore(backend, newer.run), reader!), newer);
    }
    const runs = sources.map(({ run }) => run);
    const comparison = await loadComparison(sources, backend && (await earlierHistory(backend, runs)));
    if (flags.step !== undefined) return await compareStep(comparison, sources, flags.step, options, io);
    const strict = await loadDivergences(comparison, sources, options);
    // Ids and times differ from the first step on, in every run: what says something comes after them.
    const isVolatile = strict.some(({ divergence }) => divergence?.looksVolatile === true);
    const found = isVolatile ? await loadDivergences(comparison, sources, { ...options, ignoreVolatile: true }) : strict;
    const passedOver = strict.map(({ divergence }) => (divergence?.looksVolatile === true ? divergence : undefined));
    const differences = differencesSummary(comparison, found, { ...options, ignoreVolatile: options.ignoreVolatile === true || isVolatile });
    const performance = performanceDelta(comparison);
    const saved = flags.save === undefined ? undefined : await backend!.saveComparison({ name: flags.save, runIds: runs.map((run) => run.test_run_id), differences, performance });
    if (io.json) io.out(JSON.stringify({ ...(saved === undefined ? {} : { id: saved.id, name: saved.comparison_name }), runs: runs.map((run) => run.test_run_id), differences, performance }));
    else {
      comparisonLines(comparison, found, passedOver, io, Date.now()).forEach((line) => io.out(line));
      sayMore(comparison, found, references, io);
      if (saved !== undefined) io.err(`Kept as ${saved.id}.`);
    }
    return found.some(({ divergence }) => divergence !== undefined);
  } finally {
    for (const close of closing) await close();
  }
}

/** What to type next. */
function sayMore({ runs }: RunComparison, found: readonly DivergenceFound[], references: readonly string[], io: Io): void {
  const first = found.find(({ divergence }) => divergence !== undefined)?.divergence;
  if (first === undefined || first.kind === 'presence' || first.kind === 'status' || first.kind === 'error') return;
  const names = references.length < 2 ? runs.map((run) => shortId(run.test_run_id)) : references;
  io.err(`\nAll that differs in that step: \`stepscope compare ${names.join(' ')} --step ${first.display === '' ? first.step : first.display}\`.`);
}

/** What a run is compared with when nobody says it: the run it was forked from, or the completed one before it. */
async function runBefore(backend: Backend, run: RunRow): Promise<RunRow> {
  if (run.parent_run_id !== null) return await backend.run(run.parent_run_id);
  const [earlier] = run.pipeline_key === null ? [] : await backend.runs({ pipeline: run.pipeline_key, status: 'completed', before: run, limit: 1 });
  if (earlier !== undefined) return earlier;
  throw new UserError('not-found', `there is no completed run before ${run.test_run_id} to compare it with`, { hint: 'Name two runs; `stepscope runs` lists them' });
}

async function compareStep(comparison: RunComparison, sources: readonly RunSource[], reference: string, options: CompareOptions, io: Io): Promise<boolean> {
  const known = comparison.steps.map((line, index) => ({ index, key: rowOf(line).step_key, display: rowOf(line).display, name: rowOf(line).step_name }));
  const { index } = resolveStep(reference, known);
  const line = comparison.steps[index]!;
  const values = await Promise.all(line.steps.map(async (step, i) => step && (await sources[i]!.values(sources[i]!.run.test_run_id, [step])).get(step.step_key)));
  let isDivergent = false;
  for (let i = 1; i < sources.length; i++) {
    const [a, b] = [values[0], values[i]];
    const { display, step_name: name, step_key: key } = rowOf(line);
    if (!io.json) io.out(`${i > 1 ? '\n' : ''}${io.paint('strong', `${display} ${printable(name)}`)}  A ${shortId(sources[0]!.run.test_run_id)}, ${runLetter(i)} ${shortId(sources[i]!.run.test_run_id)}`);
    const missing = [0, i].filter((run) => values[run] === undefined).map(runLetter);
    if (a === undefined || b === undefined) {
      isDivergent ||= line.rowDifferences[i]!.includes('presence');
      if (io.json) io.out(JSON.stringify({ step: key, run: sources[i]!.run.test_run_id, notRecorded: missing }));
      else io.out(`Nothing was recorded of it in ${missing.join(' and ')}.`);
      continue;
    }
    const differences = compareValues(...comparableValues(comparison, line, i, [a, b]), options);
    isDivergent ||= differences.some((one) => one.differences.length > 0);
    if (io.json) io.out(JSON.stringify({ step: key, run: sources[i]!.run.test_run_id, values: differences }));
    else valueLines(differences, runLetter(i), io).forEach((text) => io.out(text));
  }
  return isDivergent;
}

async function listComparisons(backend: Backend, reference: string | undefined, io: Io): Promise<void> {
  const runId = reference === undefined ? undefined : (await backend.run(reference)).test_run_id;
  const rows = await backend.comparisons({ runId });
  if (io.json) rows.forEach((row) => io.out(JSON.stringify(row)));
  else if (rows.length === 0) io.err('No comparisons were kept. Keep one with `stepscope compare A B --save NAME`.');
  else tableLines(['ID', 'NAME', 'RUNS', 'MADE', 'FIRST DIVERGENCE'], rows.map((row) => [shortId(row.id), row.comparison_name ?? '', row.run_ids.map(shortId).join(' '), formatRelative(Date.parse(row.created_at), Date.now()), divergenceOf(row)]), io).forEach((line) => io.out(line));
}

/** Other programs keep their own JSON there. */
function divergenceOf(row: ComparisonRow): string {
  const summary = DifferencesSummary.safeParse(row.differences_summary);
  if (!summary.success) return '';
  const first = summary.data.runs.find((run) => run.firstDivergence !== null)?.firstDivergence;
  return first ? `${first.display} ${first.name} ${first.kind} ${first.path}`.trim() : 'none';
}

async function removeComparison(backend: Backend, reference: string, io: Io): Promise<void> {
  const rows = await backend.comparisons({ limit: 1_000 });
  const found = rows.filter((row) => row.id === reference || row.comparison_name === reference || (reference.length >= 4 && row.id.endsWith(reference)));
  if (found.length === 0) throw new UserError('not-found', `no comparison "${reference}" was kept`, { hint: 'See `stepscope compare --list`' });
  if (found.length > 1) throw new UserError('usage', `"${reference}" fits ${plural(found.length, 'comparison')}: ${found.map((row) => row.id).join(', ')}`);
  await backend.removeComparison(found[0]!.id);
  if (!io.json) io.err(`Removed ${found[0]!.comparison_name ?? found[0]!.id}.`);
}
