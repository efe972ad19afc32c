import { formatDuration, plural } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { version } from '../version.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import type { Subject } from './subject.ts';

/** A database that answers later makes everything slow. */
const slowDatabaseMs = 1_000;
const buckets = ['outputs', 'uploads'];

/** What the server has beside it: database, Redis, runners, buckets, the audit log. */
export function serverChecks({ backend, service, place, command, hasRights }: Subject): readonly Check[] {
  if (backend === undefined) return [];
  const seesMost = service ?? backend;
  const status = seesMost.identity === 'anon' ? Promise.resolve(undefined) : seesMost.diagnosis.status();
  status.catch(() => undefined);
  return [
    {
      name: 'server',
      look: async () => {
        const known = await status;
        if (known === undefined)
          return {
            result: 'ok',
            what: seesMost.identity === 'anon' ? 'tells its state to whoever is signed in' : 'not one of ours: a hosted project',
          };
        const { database, stepscope } = known;
        if (database !== undefined && !database.ok)
          return {
            result: 'problem',
            what: `its database does not answer: ${database.problem ?? 'not asked yet'}`,
            hint: 'The server comes back by itself when the database does. Is it running?',
            command: 'pg_isready -d "$DATABASE_URL"',
          };
        if (stepscope !== undefined && stepscope !== version && /^\d/.test(stepscope))
          return {
            result: 'warning',
            what: `is stepscope ${stepscope}, and this is ${version}`,
            command: 'npm install --global stepscope@latest',
          };
        const took = database?.answeredInMs ?? 0;
        return {
          result: took > slowDatabaseMs ? 'warning' : 'ok',
          what: `${database?.engine ?? 'database'} answers in ${formatDuration(took)}`,
        };
      },
    },
    {
      name: 'fan-out',
      look: async () => {
        const fanout = (await status)?.fanout;
        if (fanout === undefined) return { result: 'ok', what: 'none to look at' };
        const { kind, answers, servers, elsewhere = 0 } = fanout;
        const others = servers === 0 ? 'alone' : `with ${plural(servers, 'other server')}`;
        if (kind === 'process') return { result: 'ok', what: 'not needed: the embedded database has one server' };
        if (answers && elsewhere > 0)
          return {
            result: 'warning',
            what: `${elsewhere} of ${plural(servers, 'other server')} ${elsewhere === 1 ? 'does' : 'do'} not use the same Redis as this one: the database carries messages between them, and each counts attempts to sign in for itself`,
            hint: 'Give all servers the same --redis-url, or none.',
          };
        if (answers) return { result: 'ok', what: `by ${words[kind] ?? kind}, ${others}` };
        return {
          result: 'problem',
          what: `Redis does not answer; ${words[kind] ?? kind} stands in for it, ${others}`,
          hint: 'The server takes it up again by itself. Is it running?',
          command: 'redis-cli -u "$REDIS_URL" ping',
        };
      },
    },
    {
      name: 'runners',
      look: async () => {
        const runners = await seesMost.runners();
        if (runners.length > 0) return { result: 'ok', what: [...new Set(runners.flatMap((runner) => runner.pipelines))].join(', ') };
        if (!hasRights) throw new NotKnown('we see none, and others may be hidden');
        return { result: 'warning', what: 'none was heard of in the last 30 s: new runs stay pending', command: command('runner FILE') };
      },
    },
    {
      name: 'buckets',
      look: async () => {
        if (!hasRights) throw new NotKnown('it takes the rights of an administrator');
        const there = await seesMost.diagnosis.buckets();
        const missing = buckets.filter((name) => !there.includes(name));
        if (missing.length === 0) return { result: 'ok', what: `${buckets.join(' and ')} are there` };
        const sql = `insert into storage.buckets (id, name, public) values ${missing.map((name) => `('${name}', '${name}', false)`).join(', ')} on conflict do nothing;`;
        return {
          result: place === 'remote' ? 'warning' : 'problem',
          what: `no bucket ${missing.join(', ')}: files of runs cannot be stored`,
          command: place === 'remote' ? `psql "$DATABASE_URL" -c "${sql}"` : 'stepscope serve',
          sql,
        };
      },
    },
    { name: 'audit log', look: async () => await lookAtAudit(seesMost) },
  ];
}

const words: Readonly<Record<string, string>> = { redis: 'Redis', notify: 'LISTEN/NOTIFY' };

async function lookAtAudit(backend: NonNullable<Subject['backend']>): Promise<Found> {
  try {
    const { ok, rows, first_broken_id: id, reason } = await backend.verifyAudit();
    if (ok) return { result: 'ok', what: `${plural(rows, 'row')}, and the chain of hashes is whole` };
    return {
      result: 'problem',
      what: `was tampered with at row ${id}: ${reason}`,
      hint: "Nothing of stepscope changes these rows. Keep a copy of the database, and find out who had the owner's rights.",
    };
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') return { result: 'ok', what: 'for administrators to verify' };
    throw error;
  }
}
