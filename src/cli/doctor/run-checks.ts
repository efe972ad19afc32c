import { assembleSnapshot } from '../../client/snapshots.ts';
import { formatBytes, plural, shortId } from '../../core/format.ts';
import { pointer } from '../../core/json-diff.ts';
import type { Json } from '../../protocol/json.ts';
import { JobRow, LedgerRow } from '../../protocol/account-rows.ts';
import type { Trace } from '../../protocol/trace.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import type { Subject } from './subject.ts';

/** A document beyond this is slow to open anywhere. */
const largeExportBytes = 64 * 1024 * 1024;
/** Runs whose charges are looked at, the newest. */
const billedRuns = 100;
const maxNamed = 3;

/** What people do with runs: read them, test without paying, export them. */
export function runChecks({ backend, command, hasRights }: Subject, reference: string | undefined): readonly Check[] {
  if (backend === undefined) return [];
  return [
    {
      name: 'runs',
      look: async () => {
        const [run] = await backend.runs({ limit: 1 });
        if (run !== undefined) return { result: 'ok', what: `can be read; the newest is ${run.test_run_id}` };
        return noneOr(hasRights, 'none yet');
      },
    },
    { name: 'billing', look: async () => await lookAtCharges(backend, hasRights) },
    {
      name: 'export',
      look: async () => {
        const run = reference === undefined ? (await backend.runs({ limit: 1 }))[0] : await backend.run(reference);
        if (run === undefined) return noneOr(hasRights, 'nothing to export yet');
        return await lookAtExport(await backend.trace(run.test_run_id), command);
      },
    },
  ];
}

/** What we see nothing of may be hidden. */
function noneOr(hasRights: boolean, what: string): Found {
  if (!hasRights) throw new NotKnown('we see no run, and others may be hidden');
  return { result: 'ok', what };
}

async function lookAtCharges(backend: NonNullable<Subject['backend']>, hasRights: boolean): Promise<Found | readonly Found[]> {
  const runs = (await backend.runs({ limit: billedRuns })).filter((run) => run.billing === 'test');
  if (runs.length === 0) return noneOr(hasRights, 'no test runs yet');
  const ids = runs.map((run) => run.test_run_id);
  const ofThem = { column: 'run_id', operator: 'in', value: `(${ids.map((id) => JSON.stringify(id)).join(',')})` };
  const [entries, jobs] = await Promise.all([
    backend.diagnosis.sample('credit_ledger', LedgerRow.pick({ run_id: true, amount: true }), [ofThem]),
    backend.diagnosis.sample('jobs', JobRow.pick({ run_id: true }), [ofThem, { column: 'is_test', operator: 'is', value: 'false' }]),
  ]);
  const unflagged = runs.filter((run) => !run.skip_billing || !run.test_mode_enabled).map((run) => run.test_run_id);
  const charged = ids
    .map((id) => ({ id, credits: entries.filter((entry) => entry.run_id === id).reduce((sum, { amount }) => sum + amount, 0) }))
    .filter(({ credits }) => credits !== 0);
  const found: Found[] = [];
  if (unflagged.length > 0) {
    const sql = `update public.test_execution_runs set skip_billing = true, test_mode_enabled = true where test_run_id in (${quoted(unflagged)});`;
    found.push({
      result: 'problem',
      what: `${plural(unflagged.length, 'test run')} without skip_billing or test_mode_enabled: ${named(unflagged)}`,
      hint: 'Give the tracker testMode and skipBilling. These runs are marked by:',
      ...psql(sql),
    });
  }
  if (charged.length > 0) {
    const sql = `insert into public.credit_ledger (user_id, run_id, kind, amount, reason) select user_id, run_id, 'refund', -sum(amount), 'charged in test mode' from public.credit_ledger where run_id in (${quoted(charged.map(({ id }) => id))}) group by user_id, run_id having sum(amount) <> 0;`;
    found.push({
      result: 'problem',
      what: `${plural(charged.length, 'test run')} charged: ${named(charged.map(({ id, credits }) => `${id} (${-credits})`))}`,
      hint: 'The function that charges must ask for skip_billing. What was charged is given back by:',
      ...psql(sql),
    });
  }
  if (jobs.length > 0) {
    const wrong = [...new Set(jobs.map((job) => job.run_id ?? ''))];
    const sql = `update public.jobs set is_test = true where not is_test and run_id in (${quoted(wrong)});`;
    found.push({
      result: 'problem',
      what: `${plural(jobs.length, 'job')} of test runs not marked is_test: ${named(wrong)}`,
      hint: 'Whatever makes the job must pass the mark on. These are marked by:',
      ...psql(sql),
    });
  }
  return found.length > 0 ? found : { result: 'ok', what: `${plural(runs.length, 'test run')}: marked, and not charged` };
}

const named = (names: readonly string[]): string => `${names.slice(0, maxNamed).join(', ')}${names.length > maxNamed ? ', …' : ''}`;
const quoted = (ids: readonly string[]): string => ids.map((id) => `'${id.replaceAll("'", "''")}'`).join(', ');
const psql = (sql: string): Pick<Found, 'command' | 'sql'> => ({ command: `psql "$DATABASE_URL" -c "${sql}"`, sql });

async function lookAtExport(trace: Trace, command: Subject['command']): Promise<readonly Found[]> {
  const id = trace.run.test_run_id;
  const bytes = Buffer.byteLength(JSON.stringify(trace));
  const marks: Mark[] = [...marksIn(trace.run.execution_data, '/run/execution_data')];
  for (const log of trace.logs) marks.push(...marksIn(log.data, `/logs/${log.seq}/data`));
  for (const row of trace.snapshots) {
    const { inputs, outputs, stateAfter } = await assembleSnapshot(row, trace.blobs);
    for (const [name, value] of Object.entries({ inputs, outputs, state: stateAfter }))
      marks.push(...marksIn(value, `/${row.step_key}/${name}`));
  }
  const found: Found[] = [];
  const lost = marks.filter(({ tag }) => tag !== '$ref');
  const size = `run ${shortId(id)} exports to ${formatBytes(bytes)}`;
  if (bytes > largeExportBytes)
    found.push({
      result: 'warning',
      what: `${size}, which is slow to open`,
      hint: 'Straight into a file it is no trouble:',
      command: command(`export ${id} --output run.json`),
    });
  if (lost.length > 0)
    found.push({
      result: 'warning',
      what: `${size}, without ${plural(lost.length, 'value')} too large or unreadable when it was recorded: ${named(lost.map(describe))}`,
      hint: 'Hand on a path or an id instead of the value itself, and run it again:',
      command: command(`show ${id}`),
    });
  if (found.length > 0) return found;
  const circles = marks.map(({ path }) => path);
  return [{ result: 'ok', what: `${size}${circles.length === 0 ? '' : `; circular references are kept, at ${named(circles)}`}` }];
}

interface Mark {
  readonly path: string;
  readonly tag: '$ref' | '$truncated' | '$unreadable';
  readonly body: Json;
}

const describe = ({ path, tag, body }: Mark): string =>
  `${path} (${tag === '$truncated' && typeof body === 'number' ? formatBytes(body) : 'unreadable'})`;

/** Where the encoding of values could not keep one as it was. */
function marksIn(value: Json, path: string): readonly Mark[] {
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) return value.flatMap((one, i) => marksIn(one, `${path}${pointer([i])}`));
  const keys = Object.keys(value);
  const tag = keys.find((key) => key === '$ref' || key === '$truncated' || key === '$unreadable') as Mark['tag'] | undefined;
  if (tag !== undefined) return [{ path, tag, body: (value as Record<string, Json>)[tag]! }];
  return Object.entries(value).flatMap(([key, one]) => marksIn(one, `${path}${pointer([key])}`));
}
