import type { Backend } from '../../client/backend.ts';
import { UserError } from '../../protocol/error.ts';
import type { Database } from '../../storage/database.ts';
import { findBackend } from '../backend/find-backend.ts';
import { withBackend } from '../backend/with-backend.ts';
import type { Opened } from '../backend/with-backend.ts';
import { onInterrupt } from '../interrupt.ts';
import type { Io } from '../io.ts';
import { readSecret } from '../secret.ts';
import type { GlobalFlags, Settings } from '../settings.ts';
import { accessChecks } from './access-checks.ts';
import { filterCheck } from './filter-check.ts';
import { linkChecks } from './link-checks.ts';
import { liveChecks } from './live-checks.ts';
import { machineChecks } from './machine-checks.ts';
import { mend } from './mend.ts';
import { openReport } from './report.ts';
import { runChecks } from './run-checks.ts';
import { schemaChecks } from './schema-checks.ts';
import { serverChecks } from './server-checks.ts';
import { sessionChecks } from './session-checks.ts';
import { askFacts, readPersona, whoIs } from './subject.ts';
import type { Subject } from './subject.ts';

export interface DoctorFlags {
  readonly filter?: string;
  readonly as?: string;
  readonly databaseUrl?: string;
  readonly mend?: boolean;
  /** Names of checks, with commas between them. */
  readonly only?: string;
}

interface Examination {
  readonly flags: DoctorFlags & GlobalFlags;
  readonly settings: Settings;
  readonly io: Io;
  /** A run as people name it. */
  readonly run: string | undefined;
}

/** Looks at everything there is, in the order in which one thing needs another. Throws `Ended` when it found a problem. */
export async function examine({ flags, settings, io, run }: Examination): Promise<void> {
  if (flags.mend === true && settings.readOnly) {
    throw new UserError('usage', '--mend changes the schema, and this is read-only', {
      hint: 'Leave --read-only out, or choose a profile without it.',
    });
  }
  const interrupt = onInterrupt();
  const report = openReport(io, { interrupted: interrupt.signal, only: flags.only?.split(',').map((name) => name.trim()) });
  await report.look(machineChecks(settings));
  if (settings.remote !== undefined) await report.look(linkChecks(settings.remote));
  const database =
    flags.databaseUrl === undefined ? undefined : await report.tried('database', async () => await openDatabase(flags.databaseUrl!));
  try {
    // Who names a database and no backend wants to know about the database.
    const isAlone = database !== undefined && settings.remote === undefined && (await findBackend(settings.dataDir)) === undefined;
    if (isAlone) await lookAt(undefined, database);
    else if (!report.isBroken('address') && !report.isBroken('key')) {
      await report.tried(
        'backend',
        async () => await withBackend(settings, io, { runner: true }, async (opened) => await lookAt(opened, database)),
      );
    }
  } finally {
    await database?.close();
    interrupt.stop();
  }
  report.sum();

  async function lookAt(opened: Opened | undefined, database: Database | undefined): Promise<void> {
    const service = opened === undefined ? undefined : await connectService(opened, settings);
    try {
      const subject = subjectOf({ opened, service, database }, settings, flags);
      if (opened !== undefined && opened.place !== 'remote') await report.look(linkChecks({ url: opened.url, key: opened.secretKey }));
      if (flags.mend === true) await report.look([mend(subject)]);
      await report.look(sessionChecks(subject));
      await report.look(schemaChecks(subject));
      await report.look(accessChecks(subject));
      // Without a socket they would only wait.
      if (!report.isBroken('socket')) await report.look(liveChecks(subject));
      if (flags.filter !== undefined) await report.look(filterCheck(subject, run ?? 'last', flags.filter));
      await report.look(runChecks(subject, run));
      await report.look(serverChecks(subject));
    } finally {
      await service?.close();
    }
  }
}

async function openDatabase(reference: string): Promise<Database> {
  const { openPostgres } = await import('../../storage/postgres/open-postgres.ts');
  return await openPostgres({ url: readSecret(reference, '--database-url'), maxConnections: 2 });
}

/** With the secret key alone, whoever else signs in. Undefined when the key is none. */
async function connectService({ url, secretKey }: Opened, { readOnly }: Settings): Promise<Backend | undefined> {
  const { connectBackend } = await import('../../client/connect-backend.ts');
  const service = await connectBackend({ url, key: secretKey, readOnly });
  if (service.identity === 'service_role') return service;
  await service.close();
  return undefined;
}

function subjectOf(
  ways: { readonly opened: Opened | undefined; readonly service: Backend | undefined; readonly database: Database | undefined },
  settings: Settings,
  flags: DoctorFlags & GlobalFlags,
): Subject {
  const { opened, service, database } = ways;
  const backend = opened?.backend;
  const persona =
    flags.as !== undefined
      ? readPersona(flags.as)
      : backend !== undefined
        ? whoIs(backend.identity)
        : ({ role: 'service_role', user: undefined } as const);
  let facts: ReturnType<Subject['facts']> | undefined;
  return {
    backend,
    service,
    database,
    place: opened?.place ?? 'database',
    persona,
    isOther: flags.as !== undefined,
    command: (text) => [`stepscope ${text}`, ...optionsOf(text, settings, flags)].join(' '),
    facts: () => (facts ??= askFacts({ backend, service, database }, persona)),
  };
}

/** The options that lead to the same backend, unless the command is a whole one already. Secrets are references here. */
function optionsOf(text: string, { remote, dataDir }: Settings, flags: DoctorFlags & GlobalFlags): readonly string[] {
  // Only a secret key gives roles and puts back what is missing, and it is seldom the one that was given.
  const takesSecret = text.startsWith('user ') || text.includes('--mend');
  const key = takesSecret ? 'env:STEPSCOPE_SECRET_KEY' : flags.key;
  const link =
    remote === undefined
      ? flags.dataDir === undefined
        ? []
        : ['--data-dir', dataDir]
      : remote.profile !== undefined && !takesSecret
        ? ['--profile', remote.profile]
        : ['--url', remote.url, ...(key === undefined ? [] : ['--key', key])];
  const database =
    text.startsWith('doctor') && flags.databaseUrl !== undefined && !text.includes('--database-url')
      ? ['--database-url', flags.databaseUrl]
      : [];
  return [...link, ...database].map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`));
}
