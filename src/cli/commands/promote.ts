import type { Command } from 'commander';
import { formatRelative } from '../../core/format.ts';
import { ExpectedBehavior } from '../../protocol/auto-test.ts';
import type { AutoTestRow } from '../../protocol/debug-rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { tableLines } from '../print/table.ts';

/** Keeping runs as tests: `promote` makes one, `tests` lists them. */
export function addTestCommands(program: Command): void {
  const promote = program
    .command('promote')
    .summary('Keeps a run as a regression test.')
    .description('Keeps a run as a regression test: its inputs, how it ended and how each step did. The test expects the same inputs to complete.')
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .option('--name <name>', 'name of the test; otherwise regression_PIPELINE_STEP after the step that failed, or …_ok');
  onCall<{ name?: string }>(promote, async ({ args, flags, settings, io }) => {
    const test = await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      return await backend.promote(run.test_run_id, { name: flags.name });
    });
    io.out(io.json ? JSON.stringify(test) : `Test ${test.test_name} keeps run ${test.source_run_id}`);
  });

  const tests = program
    .command('tests')
    .summary('Lists the tests made from runs.')
    .description('Lists the tests made from runs, newest first. They are kept here; nothing runs them yet, so the counts of those that passed and failed are what other programs wrote.');
  onCall(tests, async ({ settings, io }) => {
    const all = await withBackend(settings, io, { runner: false }, async ({ backend }) => await backend.tests());
    if (io.json) all.forEach((test) => io.out(JSON.stringify(test)));
    else if (all.length === 0) io.err('No tests. Keep a run as one with `stepscope promote RUN`.');
    else tableLines(['TEST', 'PIPELINE', 'MADE OF', 'PASSED', 'FAILED', 'MADE', 'RUN'], all.map((test) => cells(test, Date.now())), io).forEach((line) => io.out(line));
  });
}

function cells(test: AutoTestRow, nowMs: number): readonly string[] {
  // Other programs may keep expectations of their own form.
  const expected = ExpectedBehavior.safeParse(test.expected_behavior);
  const madeOf = expected.success ? `${expected.data.status}${expected.data.failedStep === null ? '' : ` at ${expected.data.failedStep}`}` : '–';
  return [
    test.test_name,
    test.pipeline_key ?? '–',
    madeOf,
    String(test.pass_count),
    String(test.fail_count),
    formatRelative(Date.parse(test.created_at), nowMs),
    test.source_run_id ?? '–',
  ];
}
