import type { SupabaseClient } from '@supabase/supabase-js';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { endedWords } from '../core/run-state.ts';
import { uuidv7 } from '../core/uuid.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { CommandPayload, CommandVerb } from '../protocol/rows.ts';
import { CommandRow } from '../protocol/rows.ts';
import { finalRunStatuses, RunStatus } from '../protocol/vocabulary.ts';
import { openLiveChannel } from './live-channel.ts';
import { refuseSecretsInPatch } from './refuse-secrets.ts';
import { request } from './request.ts';

/** After its time has passed, a command's end is looked for this often. */
const LATE_LOOK_MS = 1_000;

export interface Sender {
  readonly identity: string;
  readonly userId: string | null;
}

/** Inserts a command. Throws `conflict` at once when the run has ended, for then nobody would answer. */
export async function sendCommand(
  supabase: SupabaseClient,
  url: string,
  sender: Sender,
  command: { readonly runId: string; readonly verb: CommandVerb; readonly payload: CommandPayload },
): Promise<CommandRow> {
  refuseSecretsInPatch(command.payload.patch ?? []);
  const status = supabase.from('test_execution_runs').select('status').eq('test_run_id', command.runId).single();
  const run = await request(url, 'read the run', status, z.object({ status: RunStatus }));
  if (finalRunStatuses.has(run.status)) {
    throw new UserError('conflict', `cannot ${command.verb}: ${endedWords(run)}`, { hint: 'Rerun it from a step instead' });
  }
  const row = {
    id: uuidv7(Date.now(), randomBytes(10)),
    test_run_id: command.runId,
    verb: command.verb,
    payload: command.payload,
    sender: sender.userId,
    sender_name: sender.identity,
    expires_at: new Date(Date.now() + limits.commandExpiryMs).toISOString(),
  };
  return await request(url, `send ${command.verb}`, supabase.from('test_execution_commands').insert(row).select('*').single(), CommandRow);
}

/** Resolves with the command once it is `done` or `refused`. One that nobody takes in its time is refused. */
export async function settledCommand(supabase: SupabaseClient, url: string, command: CommandRow): Promise<CommandRow> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandRow>();
  const settle = (row: CommandRow) => {
    if (row.state === 'done' || row.state === 'refused') resolve(row);
  };
  const look = async () => {
    const query = supabase.from('test_execution_commands').select('*').eq('id', command.id).maybeSingle();
    const row = await request(url, 'read the command', query, CommandRow.nullable());
    if (row === null) return reject(new UserError('not-found', 'the command is gone with its run'));
    settle(row);
    const late = Date.parse(row.expires_at) < Date.now() - LATE_LOOK_MS;
    if (late && row.state === 'pending')
      resolve({ ...row, state: 'refused', reason: 'nobody executes the run, or its program does not answer' });
  };
  const lookSoon = () => void look().catch(() => undefined);
  const unsubscribe = openLiveChannel(
    supabase,
    `stepscope-command-${command.id}`,
    [{ table: 'test_execution_commands', filter: `id=eq.${command.id}` }],
    {
      onRow: ({ row }) => {
        const parsed = CommandRow.safeParse(row);
        if (parsed.success) settle(parsed.data);
        else lookSoon();
      },
      onSubscribed: lookSoon,
      onMissed: lookSoon,
      onLost: () => undefined,
    },
  );
  const timer = setInterval(lookSoon, LATE_LOOK_MS);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    unsubscribe();
  }
}
