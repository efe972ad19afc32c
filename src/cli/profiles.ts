import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { KeptSession } from '../client/session.ts';
import type { SessionStore } from '../client/session.ts';
import { didYouMean } from '../core/closest.ts';
import { UserError } from '../protocol/error.ts';
import { makePrivateFolder } from '../storage/private-folder.ts';
import { readPrivateFile, writePrivateFile } from './backend/private-file.ts';

/** A backend elsewhere and whom we are there, under a name. */
const Profile = z.object({
  url: z.string(),
  /** The publishable key: a secret one needs no sign-in. */
  key: z.string(),
  email: z.string(),
  readOnly: z.boolean().default(false),
  /** Without one it is signed out. */
  session: KeptSession.optional(),
});
export type Profile = z.infer<typeof Profile>;

const Profiles = z.object({ version: z.literal(1), profiles: z.record(z.string(), Profile) });
type Profiles = z.infer<typeof Profiles>['profiles'];

/** Another program that renews a session has this long. */
const lockPatienceMs = 20_000;
const lockPollMs = 25;

/** The folder of the config file and the profiles. */
export function configFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'stepscope');
}

/** All profiles by name. Throws `unavailable` for a file that is there and cannot be read: signing in again would lose the others. */
export function readProfiles(env: NodeJS.ProcessEnv): Profiles {
  const path = profilesFile(env);
  const known = readPrivateFile(path, Profiles);
  if (known === undefined && existsSync(path)) {
    throw new UserError('unavailable', `cannot read the profiles in ${path}`, { hint: 'Delete the file and sign in again with `stepscope login`.' });
  }
  return known?.profiles ?? {};
}

/** Throws `not-found` with the closest name. */
export function profileOf(env: NodeJS.ProcessEnv, name: string): Profile {
  const profiles = readProfiles(env);
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(profiles);
  throw new UserError('not-found', `no profile "${name}"`, {
    hint: didYouMean(name, names) ?? `Make it with \`stepscope login --profile ${name} --url … --key env:NAME\`${names.length === 0 ? '' : `; there are ${names.join(', ')}`}.`,
  });
}

/** Changes profiles with nobody else at them. A profile that `change` answers undefined for is removed. */
export async function changeProfile(env: NodeJS.ProcessEnv, name: string, change: (profile: Profile | undefined) => Profile | undefined): Promise<void> {
  await locked(env, async () => storeProfile(env, name, change));
}

/** The session of a profile, for the client. */
export function sessionStoreOf(env: NodeJS.ProcessEnv, name: string): SessionStore {
  return {
    name: `profile ${name}`,
    remedy: `Sign in again: \`stepscope login --profile ${name}\``,
    read: () => profileOf(env, name).session,
    write: (session) => storeProfile(env, name, (profile) => (profile === undefined ? undefined : { ...profile, session })),
    exclusively: (work) => locked(env, work),
  };
}

function storeProfile(env: NodeJS.ProcessEnv, name: string, change: (profile: Profile | undefined) => Profile | undefined): void {
  const profiles = readProfiles(env);
  const next = change(profiles[name]);
  const { [name]: _, ...others } = profiles;
  writePrivateFile(profilesFile(env), { version: 1, profiles: next === undefined ? others : { ...others, [name]: next } });
}

function profilesFile(env: NodeJS.ProcessEnv): string {
  return join(configFolder(env), 'profiles.json');
}

/** The kernel's lock, through SQLite: it ends with the process, however that ends. */
async function locked<T>(env: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> {
  makePrivateFolder(configFolder(env));
  const file = join(configFolder(env), 'profiles.lock');
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    const deadline = Date.now() + lockPatienceMs;
    while (!hasTaken(lock)) {
      if (Date.now() > deadline) throw new UserError('unavailable', 'another stepscope holds the profiles and does not let go', { hint: `End it; it has ${file}.` });
      await delay(lockPollMs);
    }
    return await work();
  } finally {
    lock.close();
  }
}

function hasTaken(lock: DatabaseSync): boolean {
  try {
    lock.exec('begin exclusive');
    return true;
  } catch {
    return false;
  }
}
