import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { formatRelative } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import type { Users } from '../../client/users.ts';
import { findBackend } from '../backend/find-backend.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { tableLines } from '../print/table.ts';
import { readSecret } from '../secret.ts';
import type { Settings } from '../settings.ts';

interface AddFlags {
  readonly admin?: boolean;
  readonly password?: string;
}

export function addUserCommand(program: Command): void {
  const user = program.command('user').summary('Adds, lists, promotes and removes people who may sign in.').description('Adds, lists, promotes and removes people who may sign in to the backend.');

  const add = user
    .command('add')
    .description('Adds a user. Without --password one is made and printed, this once. Only an administrator sees runs.')
    .argument('<email>', 'their address')
    .option('--admin', 'makes them an administrator')
    .option('--password <ref>', 'their password, as @file, env:NAME or -');
  onCall<AddFlags>(add, async ({ args, flags, settings, io }) => {
    const email = args[0]!;
    const given = flags.password === undefined ? undefined : readSecret(flags.password, 'the password');
    const password = given ?? randomBytes(18).toString('base64url');
    const isAdmin = flags.admin ?? false;
    const account = await withUsers(settings, io, (users) => users.add({ email, password, isAdmin }));
    if (io.json) io.out(JSON.stringify({ ...account, ...(given === undefined ? { password } : {}) }));
    else {
      io.err(`Added ${account.email}${isAdmin ? ', an administrator' : ''}.${given === undefined ? ' Their password, which is kept nowhere:' : ''}`);
      if (given === undefined) io.out(password);
    }
  });

  onCall(user.command('list').description('Lists users, oldest first.'), async ({ settings, io }) => {
    const accounts = await withUsers(settings, io, (users) => users.list());
    if (io.json) accounts.forEach((account) => io.out(JSON.stringify(account)));
    else {
      const ago = (time: string | null): string => (time === null ? 'never' : formatRelative(Date.parse(time), Date.now()));
      const rows = accounts.map(({ email, roles, createdAt, lastSignInAt, id }) => [email, roles.join(', ') || '–', ago(createdAt), ago(lastSignInAt), id]);
      tableLines(['EMAIL', 'ROLES', 'ADDED', 'SIGNED IN', 'ID'], rows, io).forEach((line) => io.out(line));
    }
  });

  onCall(user.command('promote').description('Makes a user an administrator.').argument('<email>', 'their address'), async ({ args, settings, io }) => {
    const account = await withUsers(settings, io, (users) => users.promote(args[0]!));
    if (io.json) io.out(JSON.stringify(account));
    else io.err(`${account.email} is an administrator.`);
  });

  onCall(user.command('rm').description('Removes a user, with their roles.').argument('<email>', 'their address'), async ({ args, settings, io }) => {
    const account = await withUsers(settings, io, (users, self) => {
      if (args[0] === self) throw new UserError('usage', `${self} is whom this command acts as, and would be made again`);
      return users.remove(args[0]!);
    });
    if (io.json) io.out(JSON.stringify(account));
    else io.err(`Removed ${account.email}.`);
  });
}

async function withUsers<T>(settings: Settings, io: Io, work: (users: Users, self: string) => Promise<T>): Promise<T> {
  const isElsewhere = settings.remote === undefined && process.env['DATABASE_URL'] && (await findBackend(settings.dataDir)) === undefined;
  if (isElsewhere) {
    throw new UserError('unavailable', `no server runs on ${settings.dataDir}, and who may sign in to the database in DATABASE_URL is decided through one`, {
      hint: 'Start `stepscope serve`, or name one with --url and --key. For the embedded database, unset DATABASE_URL.',
    });
  }
  return await withBackend(settings, io, { runner: false }, async ({ url, secretKey, backend }) => {
    const { openUsers } = await import('../../client/users.ts');
    const users = openUsers({ url, secretKey, readOnly: settings.readOnly });
    try {
      return await work(users, backend.identity);
    } finally {
      await users.close();
    }
  });
}
