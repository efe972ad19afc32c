import type { Backend } from '../../client/backend.ts';
import { UserError } from '../../protocol/error.ts';
import type { Database } from '../../storage/database.ts';
import { findBackend, isAlive, readStateFile } from '../backend/find-backend.ts';
import { withBackend } from '../backend/with-backend.ts';
import type { Opened } from '../backend/with-backend.ts';
import { onInterrupt } from '../interrupt.ts';
import type { Io } from '../io.ts';
import { commandLine } from '../same-backend.ts';
import { readSecret } from '../secret.ts';
import type { GlobalFlags, Settings } from '../settings.ts';
import { didYouMean } from '../../core/closest.ts';
import { accessChecks } from './access-checks.ts';
import { checkNames } from './check.ts';
import type { Check, CheckName } from './check.ts';
import { assertFilter, filterCheck } from './filter-check.ts';
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
  // What is called wrongly is no finding.
  const only = readChecks(flags);
  const databaseUrl = flags.databaseUrl === undefined ? undefined : readSecret(flags.databaseUrl, '--database-url');
  if (flags.filter !== undefined) assertFilter(flags.filter);
  const interrupt = onInterrupt();
  const report = openReport(io, { interrupted: interrupt.signal, only });
  let reached: 'nothing' | 'database' | 'server' = 'nothing';
  await report.look(machineChecks(settings));
  if (settings.remote !== undefined) await report.look(linkChecks(settings.remote));
  const database = databaseUrl === undefined ? undefined : await report.tried('database', async () => await openDatabase(databaseUrl));
  try {
    // Who names a database and no backend wants to know about the database.
    const isAlone = database !== undefined && settings.remote === undefined && (await findBackend(settings.dataDir)) === undefined;
    if (isAlone) await lookAt(undefined, database);
    else if (!report.isBroken('address') && !report.isBroken('key')) {
      await report.tried('backend', async () => {
        refuseOrphan(settings);
        await withBackend(settings, io, { runner: true }, async (opened) => await lookAt(opened, database));
      });
    }
  } finally {
    await database?.close();
    interrupt.stop();
  }
  report.sum((name) => {
    if (name === 'filter' && flags.filter === undefined) return 'no --filter was given';
    if (name === 'mend' && flags.mend !== true) return 'no --mend was given';
    if (name === 'database') return flags.databaseUrl === undefined ? 'no --database-url was given' : 'it gave no trouble';
    if (reached === 'nothing') return 'the server is away';
    if (name === 'backend' && reached === 'server') return 'it gave no trouble';
    if (reached === 'database') return 'only a database was named, and no server';
    return report.isBroken('socket') ? 'the socket does not open' : 'there was no need to';
  });

  async function lookAt(opened: Opened | undefined, database: Database | undefined): Promise<void> {
    reached = opened === undefined ? 'database' : 'server';
    const service = opened === undefined ? undefined : await connectService(opened, settings);
    try {
      const hasRights = service !== undefined || opened === undefined || (await opened.backend.isAdmin().catch(() => false));
      const subject = subjectOf({ opened, service, database, hasRights }, settings, flags);
      const look = async (checks: readonly Check[]): Promise<void> => await report.look(checks, hasRights);
      if (opened !== undefined && opened.place !== 'remote') await report.look(linkChecks({ url: opened.url, key: opened.secretKey }));
      if (flags.mend === true) await report.look([mend(subject)]);
      await look(sessionChecks(subject));
      await look(schemaChecks(subject));
      await look(accessChecks(subject));
      // Who does not see all would only be told that a hidden run is none.
      const seesRuns = service !== undefined || (hasRights && !report.isBroken('rows seen'));
      if (run !== undefined && seesRuns) await (service ?? opened?.backend)?.run(run);
      // Without a socket they would only wait.
      if (!report.isBroken('socket')) await look(liveChecks(subject));
      if (flags.filter !== undefined) await look(filterCheck(subject, run ?? 'last', flags.filter));
      await look(runChecks(subject, run));
      await look(serverChecks(subject));
    } finally {
      await service?.close();
    }
  }
}

/** Whoever wants it mended wants to hear of that too. Throws `usage` for a name that no check has. */
function readChecks({ only, mend }: DoctorFlags): readonly CheckName[] | undefined {
  if (only === undefined) return undefined;
  const names = only.split(',').map((text) => {
    const name = checkNames.find((one) => one === text.trim());
    if (name !== undefined) return name;
    throw new UserError('usage', `there is no check "${text.trim()}"`, {
      hint: didYouMean(text.trim(), checkNames) ?? `There are ${checkNames.join(', ')}.`,
    });
  });
  return mend === true ? [...names, 'mend'] : names;
}

async function openDatabase(url: string): Promise<Database> {
  const { openPostgres } = await import('../../storage/postgres/open-postgres.ts');
  return await openPostgres({ url, maxConnections: 2 });
}

/** The data of a server on Postgres is not in the directory: a backend that starts there shows another, empty database. */
function refuseOrphan({ remote, dataDir }: Settings): void {
  const state = remote === undefined ? readStateFile(dataDir) : undefined;
  if (state?.engine !== 'postgres' || isAlive(state.pid)) return;
  throw new UserError('unavailable', `the server on Postgres that was at ${state.url}, process ${state.pid}, is gone`, {
    hint: 'Its data is in that database, and not in this directory. Start it again: stepscope serve --database-url env:DATABASE_URL',
  });
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
  ways: {
    readonly opened: Opened | undefined;
    readonly service: Backend | undefined;
    readonly database: Database | undefined;
    readonly hasRights: boolean;
  },
  settings: Settings,
  flags: DoctorFlags & GlobalFlags,
): Subject {
  const { opened, service, database, hasRights } = ways;
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
    hasRights,
    isOther: flags.as !== undefined,
    migrate: migrateCommand(opened, settings, flags),
    command: (text) => `${commandLine(text, settings, flags)}${databaseOf(text, flags)}`,
    facts: () => (facts ??= askFacts({ backend, service, database }, persona)),
  };
}

/** A backend on the embedded database brings it up to date when it starts; Postgres is named. */
function migrateCommand(opened: Opened | undefined, { dataDir }: Settings, flags: DoctorFlags & GlobalFlags): string {
  const isEmbedded = opened !== undefined && opened.place !== 'remote' && readStateFile(dataDir)?.engine !== 'postgres';
  if (flags.databaseUrl === undefined && isEmbedded) return `stepscope serve${flags.dataDir === undefined ? '' : ` --data-dir ${dataDir}`}`;
  return `stepscope migrate --database-url ${flags.databaseUrl ?? 'env:DATABASE_URL'}`;
}

/** What was said of the database, for a `doctor` that is to look at the same. */
function databaseOf(text: string, flags: DoctorFlags): string {
  return text.startsWith('doctor') && flags.databaseUrl !== undefined && !text.includes('--database-url') ? ` --database-url ${flags.databaseUrl}` : '';
}
