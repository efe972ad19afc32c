import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { amcheck } from '@electric-sql/pglite/contrib/amcheck';
import { openPglite } from '../storage/pglite/open-pglite.ts';
import { preparedForTests } from '../storage/testing.ts';
import { countArgument, report } from './check-report.ts';

/*
 * Kills a process that stores with SIGKILL, again and again, a quarter of the times while it opens. The
 * client sends again what was not acknowledged. Nothing acknowledged may be missing, nothing may be there
 * twice, and the database must always open.
 *
 *   npm run check:crash [-- KILLS]
 */

const ROWS = 20;
const OPEN_LIMIT_MS = 30_000;
const WRITE_LIMIT_MS = 20_000;

interface Batch {
  readonly number: number;
  readonly [key: string]: unknown;
}

const kills = countArgument(30);
const home = mkdtempSync(join(tmpdir(), 'stepscope-crash-'));
const dataDir = join(home, 'data');
const preparedDirectory = await preparedForTests();

let next = 1;
let resent = 0;
let failedOpens = 0;
let killedOpening = 0;
const acknowledged = new Set<number>();
let unacknowledged: Batch | undefined;

for (let kill = 1; kill <= kills; kill += 1) {
  const child = fork(fileURLToPath(new URL('./check-crash-writer.ts', import.meta.url)), [dataDir, preparedDirectory], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  if (kill % 4 === 0) {
    await message(child, 'opening');
    await wait(Math.random() * 600);
    killedOpening += 1;
  } else if (await message(child, 'open')) {
    const before = acknowledged.size;
    const wanted = before + Math.random() * 30;
    feed(child);
    // Somewhere in the middle of a batch, however fast the machine is.
    for (const until = Date.now() + WRITE_LIMIT_MS; acknowledged.size < wanted && Date.now() < until;) await wait(5);
    await wait(Math.random() * 20);
  } else {
    failedOpens += 1;
  }
  child.kill('SIGKILL');
  await exited;
  process.stdout.write(`\rkill ${kill} of ${kills}, ${acknowledged.size} batches acknowledged`);
}

await settle();
const found = await inspect();
rmSync(home, { recursive: true, force: true });

const expected = (next - 1) * ROWS;
report(`check:crash, ${kills} kills (${killedOpening} while opening), ${acknowledged.size} batches of ${ROWS} rows, ${resent} sent again`, [
  { name: 'acknowledged rows missing', measured: `${found.missing}`, demanded: '0', isMet: found.missing === 0 },
  { name: 'rows stored', measured: `${found.rows}`, demanded: `${expected}`, isMet: found.rows === expected },
  { name: 'numbers of the run without gap', measured: `${found.isContiguous}`, demanded: 'true', isMet: found.isContiguous },
  { name: 'rows as counted on the run', measured: `${found.counted}`, demanded: `${expected}`, isMet: found.counted === expected },
  { name: 'openings that failed', measured: `${failedOpens}`, demanded: '0', isMet: failedOpens === 0 },
  { name: 'indexes that differ from their table', measured: `${found.badIndexes}`, demanded: '0', isMet: found.badIndexes === 0 },
  { name: 'batches that survived a kill', measured: `${acknowledged.size}`, demanded: `> ${kills}`, isMet: acknowledged.size > kills },
]);
// A killed writer leaves no handle, but a socket of ours may linger.
process.exit();

function newBatch(): Batch {
  const number = next;
  next += 1;
  const logs = Array.from({ length: ROWS }, (_, index) => ({
    id: rowId(number, index),
    message: `${number}.${index}`,
    data: { filler: 'x'.repeat(200) },
  }));
  return { number, run_id: 'crash', holder_id: 'check', ...(number === 1 && { run: { status: 'running' } }), logs };
}

/** Known to both sides without being stored. */
function rowId(number: number, index: number): string {
  return `01990000-0000-7000-8000-${number.toString(16).padStart(8, '0')}${index.toString(16).padStart(4, '0')}`;
}

/** Sends one batch after the other, the unacknowledged one first. */
function feed(child: ChildProcess): void {
  const sendNext = (): void => {
    if (unacknowledged) resent += 1;
    unacknowledged ??= newBatch();
    if (child.connected) child.send(unacknowledged, () => {});
  };
  child.on('message', (answer: { readonly acknowledged?: number }) => {
    if (answer.acknowledged === undefined) return;
    acknowledged.add(answer.acknowledged);
    unacknowledged = undefined;
    sendNext();
  });
  child.on('error', () => {});
  sendNext();
}

/** Whether the message came before the child ended. */
async function message(child: ChildProcess, wanted: string): Promise<boolean> {
  return new Promise((resolve) => {
    const tooLong = setTimeout(resolve, OPEN_LIMIT_MS, false);
    const settleWith = (value: boolean): void => {
      clearTimeout(tooLong);
      resolve(value);
    };
    child.on('message', (text) => {
      if (text === wanted) settleWith(true);
    });
    child.on('exit', () => settleWith(false));
  });
}

/** The client's last word: what is still unacknowledged is sent until it is. */
async function settle(): Promise<void> {
  if (!unacknowledged) return;
  const batch = unacknowledged;
  resent += 1;
  const database = await openPglite({ dataDir });
  await database.asUser({ role: 'service_role' }, (transaction) => transaction.query('select ingest($1)', [batch]));
  await database.close();
  acknowledged.add(batch.number);
}

async function inspect() {
  const database = await openPglite({ dataDir });
  const { rows } = await database.asOwner((transaction) =>
    transaction.query<{ id: string; seq: number; counted: number }>(
      `select l.id, l.seq, (r.log_counts ->> 'info')::int as counted from test_execution_logs l join test_execution_runs r using (test_run_id) order by l.seq`,
    ),
  );
  await database.close();
  const ids = new Set(rows.map(({ id }) => id));
  let missing = 0;
  for (const number of acknowledged) for (let index = 0; index < ROWS; index += 1) if (!ids.has(rowId(number, index))) missing += 1;
  return {
    missing,
    rows: rows.length,
    // The run's own row has a number between the first batch and the second.
    isContiguous: rows.every(({ seq }, index) => index === 0 || index === ROWS || seq === rows[index - 1]!.seq + 1),
    counted: rows[0]?.counted ?? 0,
    badIndexes: await countBadIndexes(),
  };
}

/** Postgres's own check of every index against its table. */
async function countBadIndexes(): Promise<number> {
  const db = await PGlite.create({ dataDir: join(dataDir, 'database'), extensions: { amcheck } });
  await db.exec('create extension if not exists amcheck');
  const { rows } = await db.query<{ oid: number }>(
    `select c.oid from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam where a.amname = 'btree' and i.indisvalid`,
  );
  let bad = 0;
  for (const { oid } of rows) {
    await db.query('select bt_index_check($1::oid::regclass, true)', [oid]).catch(() => {
      bad += 1;
    });
  }
  await db.close();
  return bad;
}
