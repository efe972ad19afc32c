import type { Command } from 'commander';
import { plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { onCall } from '../call.ts';
import { ask, askSecretly } from '../ask.ts';
import { tableLines } from '../print/table.ts';
import { changeProfile, profileOf, readProfiles } from '../profiles.ts';
import { readSecret } from '../secret.ts';
import { readUrl } from '../settings.ts';

interface LoginFlags {
  readonly email?: string;
  readonly password?: string;
}

/** The profile of who names none. */
const defaultProfile = 'default';

/** Sessions that are kept under a name: `login`, `logout`, `profiles`. */
export function addLoginCommands(program: Command): void {
  const login = program
    .command('login')
    .summary('Signs in to a backend elsewhere and keeps the session as a profile.')
    .description('Signs in to a backend with --url and its publishable --key, and keeps the session under --profile. The password is asked for, and kept nowhere.')
    .option('--email <address>', 'who signs in')
    .option('--password <ref>', 'their password, as @file, env:NAME or -');
  onCall<LoginFlags>(
    login,
    async ({ flags, settings, io }) => {
      const env = process.env;
      const name = flags.profile ?? (env['STEPSCOPE_PROFILE'] || defaultProfile);
      const profiles = readProfiles(env);
      const known = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
      const url = flags.url ?? env['STEPSCOPE_URL'] ?? known?.url;
      if (url === undefined) throw new UserError('usage', 'which backend?', { hint: 'Give its address with --url, and its publishable key with --key env:NAME.' });
      const key = flags.key === undefined ? env['STEPSCOPE_KEY'] || known?.key : readSecret(flags.key, '--key');
      if (!key) throw new UserError('usage', 'the publishable key of the backend is needed', { hint: 'Give --key env:NAME, or set STEPSCOPE_KEY.' });
      if (key.startsWith('sb_secret_')) {
        throw new UserError('usage', 'a person signs in with the publishable key, and this is a secret one', { hint: 'A secret key needs no profile: use it with --url and --key.' });
      }
      const address = readUrl(url, '--url');
      const email = flags.email ?? env['STEPSCOPE_EMAIL'] ?? known?.email ?? (await ask('Address: ', '--email'));
      const password = flags.password === undefined ? await askSecretly(`Password of ${email}: `) : readSecret(flags.password, '--password');

      const { beginSession } = await import('../../client/supabase.ts');
      const session = await beginSession({ url: address, key, email, password });
      const readOnly = flags.readOnly ?? known?.readOnly ?? settings.readOnly;
      await changeProfile(env, name, () => ({ url: address, key, email: session.email, readOnly, session }));
      if (io.json) io.out(JSON.stringify({ profile: name, url: address, email: session.email, readOnly }));
      else io.err(`Signed in to ${address} as ${session.email}${readOnly ? ', read-only' : ''}.\nUse it with --profile ${name}, or STEPSCOPE_PROFILE=${name}.`);
    },
    { withoutBackend: true },
  );

  const logout = program
    .command('logout')
    .summary('Ends the session of a profile.')
    .description('Ends the session of a profile, at the backend too where it answers, and forgets the profile.');
  onCall(
    logout,
    async ({ flags, io }) => {
      const name = flags.profile ?? (process.env['STEPSCOPE_PROFILE'] || defaultProfile);
      const { url, key, session } = profileOf(process.env, name);
      const { endSession } = await import('../../client/supabase.ts');
      const isEnded = session === undefined || (await endSession({ url, key, session }));
      await changeProfile(process.env, name, () => undefined);
      if (io.json) io.out(JSON.stringify({ profile: name, endedAtBackend: isEnded }));
      else io.err(`Signed out of ${name}.${isEnded ? '' : ` ${url} did not answer: the session there ends by itself.`}`);
    },
    { withoutBackend: true },
  );

  const list = program.command('profiles').summary('Lists the profiles that `login` made.').description('Lists the profiles that `login` made, and which one is used when none is named.');
  onCall(
    list,
    async ({ settings, io }) => {
      const used = settings.profile;
      const rows = Object.entries(readProfiles(process.env)).map(([name, { url, email, readOnly, session }]) => ({
        profile: name,
        url,
        email,
        readOnly,
        signedIn: session !== undefined,
        isDefault: name === used,
      }));
      if (io.json) rows.forEach((row) => io.out(JSON.stringify(row)));
      else if (rows.length === 0) io.err('No profiles. `stepscope login --profile NAME --url … --key env:NAME` makes one.');
      else {
        const cells = rows.map(({ profile, email, readOnly, url, isDefault }) => [`${profile}${isDefault ? ' (used)' : ''}`, email, readOnly ? 'read' : 'read, write', url]);
        tableLines(['PROFILE', 'SIGNED IN AS', 'MAY', 'BACKEND'], cells, io).forEach((line) => io.out(line));
        if (used === undefined) io.err(`${plural(rows.length, 'profile')}; none is used unless --profile or STEPSCOPE_PROFILE names it.`);
      }
    },
    { withoutBackend: true },
  );
}
