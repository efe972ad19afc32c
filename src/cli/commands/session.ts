import type { Command } from 'commander';
import type { SessionHandle } from '../../client/debug-sessions.ts';
import { formatRelative, printable, shortId } from '../../core/format.ts';
import type { Peer } from '../../core/session-peers.ts';
import { peersWords } from '../../core/session-peers.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { DebugSessionRow } from '../../protocol/debug-rows.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { onInterrupt } from '../interrupt.ts';
import { tableLines } from '../print/table.ts';

/** Several people looking at one run together. In the terminal `:session join` follows whoever leads. */
export function addSessionCommand(program: Command): void {
  const session = program.command('session').summary('Looks at a run together with others.').description('Looks at a run together with others: who is there, and where they look. In the terminal, `:session start` and `:session join` do the same.');

  const start = session.command('start').description('Begins a session on a run.').argument('[run]', 'id, its last characters, or "last"', 'last').option('--name <name>', 'what it is called');
  onCall<{ name?: string }>(start, async ({ args, flags, settings, io }) => {
    const row = await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      return await backend.startSession(run.test_run_id, { name: flags.name });
    });
    if (io.json) io.out(JSON.stringify(row));
    else io.out(`Began the session "${printable(row.session_name)}". Others join it with \`${io.command(`session join ${shortId(row.id)}`)}\`, or \`:session join\` in the terminal.`);
  });

  const join = session.command('join').description('Takes part in a session, and says where the others look, until Ctrl-c.').argument('<session>', 'id of a session, the end of one, or a run');
  onCall(join, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const row = await backend.session(args[0]!);
      const run = row.test_run_id === null ? undefined : await backend.run(row.test_run_id);
      const ended = Promise.withResolvers<void>();
      let said = '';
      const tell = (peers: readonly Peer[]): void => {
        const now = io.json ? JSON.stringify({ session: row.id, peers }) : peerLines(peers, run);
        if (now !== said && peers.length > 0) io.out(now);
        said = now;
      };
      const handle: SessionHandle = await backend.joinSession(row, { onPeers: tell, onEnded: ended.resolve });
      if (run !== undefined) handle.moveTo({ run: run.test_run_id });
      const interrupt = onInterrupt();
      const left = Promise.withResolvers<void>();
      AbortSignal.any([interrupt.signal, io.readerGone]).addEventListener('abort', () => left.resolve());
      const why = await Promise.race([ended.promise.then(() => 'ended' as const), left.promise]);
      await handle.leave();
      interrupt.stop();
      io.err(why === 'ended' ? 'The session has ended.' : 'Left the session; it goes on.');
    });
  });

  const list = session.command('list', { isDefault: true }).description('Lists sessions that nobody has ended.').option('-a, --all', 'ended ones too');
  onCall<{ all?: boolean }>(list, async ({ flags, settings, io }) => {
    const rows = await withBackend(settings, io, { runner: false }, ({ backend }) => backend.sessions(flags.all === true ? {} : { active: true }));
    if (io.json) rows.forEach((row) => io.out(JSON.stringify(row)));
    else if (rows.length === 0) io.err(`No session. Begin one with \`${io.command('session start')}\`.`);
    else tableLines(['SESSION', 'NAME', 'RUN', 'BEGUN BY', 'BEGUN', 'STANDS'], rows.map(cells), io).forEach((line) => io.out(line));
  });

  const end = session.command('end').description('Ends a session for everybody.').argument('<session>', 'id of a session, the end of one, or a run');
  onCall(end, async ({ args, settings, io }) => {
    const row = await withBackend(settings, io, { runner: false }, async ({ backend }) => await backend.endSession((await backend.session(args[0]!)).id));
    if (io.json) io.out(JSON.stringify(row));
    else io.out(`Ended the session "${printable(row.session_name)}".`);
  });
}

function cells(row: DebugSessionRow): readonly string[] {
  return [
    shortId(row.id),
    printable(row.session_name),
    row.test_run_id === null ? '–' : shortId(row.test_run_id),
    printable(row.created_by_name ?? '–'),
    formatRelative(Date.parse(row.created_at), Date.now()),
    row.active ? 'open' : 'ended',
  ];
}

/** `2 here: bob, you. bob looks at 8e Provider API Call, diff` */
function peerLines(peers: readonly Peer[], run: RunRow | undefined): string {
  const places = peers.flatMap(({ isMe, label, cursor }) => {
    const step = flattenSteps(run?.step_tree ?? []).find((one) => one.key === cursor?.step);
    const where = [step === undefined ? cursor?.step : `${step.display} ${step.name}`, cursor?.tab].filter(Boolean).join(', ');
    return isMe || where === '' ? [] : [`${label} looks at ${where}`];
  });
  return printable([peersWords(peers), ...places].join('. '));
}
