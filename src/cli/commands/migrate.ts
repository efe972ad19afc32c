import type { Command } from 'commander';
import { plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import type { Io, Style } from '../io.ts';
import { wrap } from '../../tui/output/line.ts';
import { readSecret } from '../secret.ts';
import type { MigrationPlan, PlannedMigration } from '../../storage/plan-migrations.ts';

interface Flags {
  readonly databaseUrl?: string;
  readonly dryRun?: boolean;
  readonly print?: boolean;
}

export function addMigrateCommand(program: Command): void {
  const command = program
    .command('migrate')
    .summary('Prepares a Postgres or Supabase database.')
    .description(
      'Brings a database, Postgres 15 or newer or a Supabase project, to the schema of this stepscope. Each migration is a transaction; nothing is dropped that stepscope has not made.',
    )
    .option('--database-url <ref>', 'the database, as env:NAME, @file or - (DATABASE_URL)')
    .option('--dry-run', 'say what would be done, having tried it and rolled it back')
    .option('--print', 'print the SQL instead: what is pending, or, without a database, all of it');
  onCall<Flags>(command, async ({ flags, io }) => {
    const url = flags.databaseUrl === undefined ? process.env['DATABASE_URL'] : readSecret(flags.databaseUrl, '--database-url');
    if (flags.print === true && !url) {
      const { migrationScript } = await import('../../storage/plan-migrations.ts');
      return printScript(migrationScript(), io);
    }
    if (!url) throw new UserError('usage', 'which database?', { hint: 'Give --database-url env:NAME, or set DATABASE_URL.' });
    const { openPostgres } = await import('../../storage/postgres/open-postgres.ts');
    const database = await openPostgres({ url, maxConnections: 1 });
    try {
      if (flags.dryRun !== true && flags.print !== true) {
        const { migrate } = await import('../../storage/migrate.ts');
        const applied = await migrate(database, { onNotice: (text) => io.err(text) });
        if (io.json) for (const { version, name } of applied) io.out(JSON.stringify({ version, name, state: 'applied' }));
        else if (applied.length === 0) io.err('Nothing to do: the database is up to date.');
        else for (const { version, name } of applied) io.out(`${io.paint('good', 'applied')}  ${number(version)} ${name}`);
        return;
      }
      const { planMigrations } = await import('../../storage/plan-migrations.ts');
      const plan = await planMigrations(database);
      if (flags.print === true) printScript(plan.script, io);
      else printPlan(plan, io);
      if (plan.migrations.some(({ state }) => state === 'changed')) throw new Ended(1);
    } finally {
      await database.close();
    }
  });
}

function printScript(script: string, io: Io): void {
  io.out(io.json ? JSON.stringify({ sql: script }) : script.trimEnd());
}

/** Under the name of a migration. */
const indent = ' '.repeat(14);

const states: Record<PlannedMigration['state'], { readonly word: string; readonly style: Style }> = {
  applied: { word: 'applied', style: 'muted' },
  pending: { word: 'pending', style: 'active' },
  changed: { word: 'changed', style: 'bad' },
};

function printPlan({ migrations, adopts }: MigrationPlan, io: Io): void {
  if (io.json) {
    for (const migration of migrations) io.out(JSON.stringify(migration));
    if (adopts.tables.length + adopts.functions.length > 0) io.out(JSON.stringify({ adopts }));
    return;
  }
  for (const migration of migrations) {
    const { word, style } = states[migration.state];
    io.out(`${io.paint(style, word)}  ${number(migration.version)} ${migration.name}`);
    if (migration.state === 'pending') for (const text of wrap(deedsOf(migration), io.columns - indent.length)) io.out(`${indent}${text}`);
  }
  if (migrations.some(({ state }) => state === 'changed')) {
    io.err('A migration was applied with another text than this stepscope has: use the stepscope that made the database.');
    return;
  }
  if (adopts.tables.length > 0) {
    io.out(`${io.paint('warn', 'adopts')}   ${[...adopts.tables, ...adopts.functions].join(', ')}`);
    io.out('         Their rows are copied; the old tables and functions are kept in the schema stepscope_before.');
  }
  const pending = migrations.filter(({ state }) => state === 'pending').length;
  io.err(
    pending === 0 ? 'Nothing to do: the database is up to date.' : `${plural(pending, 'migration')} would be applied. Nothing was changed.`,
  );
}

/** What a migration makes, counted by kind, its tables by name, and whatever it changes that is not ours. */
function deedsOf({ creates, touches }: PlannedMigration): string {
  const kinds = [...new Set(creates.map(({ kind }) => kind))];
  const made = kinds.map((kind) => {
    const names = creates.filter((one) => one.kind === kind).map(({ name }) => name.replace(/^public\./, ''));
    return ['table', 'schema', 'role'].includes(kind) ? `${kind} ${names.join(', ')}` : counted(names.length, kind);
  });
  const changed =
    touches.length === 0 ? 'touches nothing else' : `changes ${touches.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`;
  return `${made.length === 0 ? 'changes its own objects' : `creates ${made.join('; ')}`}; ${changed}`;
}

const plurals: Readonly<Record<string, string>> = { index: 'indexes', policy: 'policies' };

function counted(count: number, kind: string): string {
  return count === 1 ? `1 ${kind}` : `${count} ${plurals[kind] ?? `${kind}s`}`;
}

const number = (version: number): string => String(version).padStart(4, '0');
