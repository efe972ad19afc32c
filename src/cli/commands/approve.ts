import { Option } from 'commander';
import type { Command } from 'commander';
import { formatRelative } from '../../core/format.ts';
import type { ApprovalRow } from '../../protocol/debug-rows.ts';
import { ApprovalState } from '../../protocol/debug-rows.ts';
import { UserError } from '../../protocol/error.ts';
import type { CommandVerb } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { tableLines } from '../print/table.ts';
import { standing, untilStopped } from '../standing.ts';

/** How long to wait for what the run does then, in milliseconds. */
const patienceMs = 5_000;

/** `approve`, `reject` and `take`, which speak to one held run, and `approvals`, which lists what waits for a yes. */
export function addApproveCommands(program: Command): void {
  const approve = program.command('approve').description('Lets a run go on that waits for an approval.').option('--why <words>', 'a reason, for the record');
  addAnswer(approve, 'approve', 'Approved');
  const reject = program
    .command('reject')
    .description('Refuses a run the approval it waits for: it fails with the reason, and its pipeline puts right what it did.')
    .requiredOption('--why <words>', 'the reason');
  addAnswer(reject, 'reject', 'Rejected');

  const take = program.command('take').description('Makes the pause of a run yours, whoever held it.');
  take.argument('[run]', 'id, its last characters, or "last"', 'last');
  onCall(take, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      if (run.status !== 'paused') throw new UserError('failed', `cannot take: the run is ${run.status}, not paused`);
      const before = await backend.lease(run.test_run_id);
      // No terminal of ours stays open to hold it: it is held as by a pause that nobody watches.
      await (await backend.keepLease(run.test_run_id, { take: true })).release();
      const now = await backend.run(run.test_run_id);
      if (io.json) io.out(JSON.stringify({ run: now.test_run_id, from: before?.owner_name ?? run.paused_by, to: backend.identity }));
      else io.err(`The pause of ${now.test_run_id} is yours${before === undefined ? '' : `; ${before.owner_name} had it`}: ${standing(now)}`);
    });
  });

  const approvals = program
    .command('approvals')
    .description('Lists what runs wait for: approvals that nobody has given or refused yet.')
    .addOption(new Option('--state <state>', 'those that are').choices(ApprovalState.options).default('waiting'))
    .option('--all', 'of every state');
  onCall<{ readonly state: ApprovalState; readonly all?: boolean }>(approvals, async ({ flags, settings, io }) => {
    const found = await withBackend(settings, io, { runner: false }, ({ backend }) => backend.approvals(flags.all ? {} : { state: flags.state }));
    if (io.json) found.forEach((row) => io.out(JSON.stringify(row)));
    else if (found.length === 0) io.err(flags.all ? 'No approvals were asked for.' : `No approvals are ${flags.state}.`);
    else tableLines(['RUN', 'STEP', 'STATE', 'ASKED', 'BY', 'WHAT'], found.map((row) => cells(row, Date.now())), io).forEach((line) => io.out(line));
  });
}

function addAnswer(command: Command, verb: CommandVerb & ('approve' | 'reject'), done: string): void {
  command.argument('[run]', 'id, its last characters, or "last"', 'last');
  onCall<{ readonly why?: string }>(command, async ({ args, flags, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      const [asked] = await backend.approvals({ state: 'waiting', runId: run.test_run_id });
      if (asked === undefined) throw new UserError('failed', `cannot ${verb}: the run waits for no approval`, { hint: `\`${io.command('approvals')}\` lists those that do` });
      // Named, so that an answer meant for this question is not given to the next.
      const payload = { step: asked.step_key, ...(flags.why === undefined ? {} : { why: flags.why }) };
      const settled = await backend.settled(await backend.command(run.test_run_id, verb, payload));
      if (settled.state !== 'done') {
        if (io.json) io.out(JSON.stringify(settled));
        throw new UserError('failed', `cannot ${verb}: ${settled.reason ?? settled.state}`);
      }
      const now = await untilStopped(backend, run, patienceMs);
      if (io.json) io.out(JSON.stringify({ ...settled, run: { status: now.status, step: now.current_step, reason: now.pause_reason } }));
      else tell(io, done, asked, standing(now));
    });
  });
}

function tell(io: Io, done: string, { title, test_run_id: id }: ApprovalRow, where: string): void {
  io.err(`${done} “${title}”, run ${id}: ${where}`);
}

function cells(row: ApprovalRow, nowMs: number): readonly string[] {
  return [
    row.test_run_id,
    row.step_key,
    row.state,
    formatRelative(Date.parse(row.created_at), nowMs),
    row.decided_by_name ?? '–',
    row.reason === null ? row.title : `${row.title} (${row.reason})`,
  ];
}
