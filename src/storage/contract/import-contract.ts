import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { tables } from '../../protocol/rows.ts';
import type { Database } from '../database.ts';
import { callFunction, claimsOf, insertRow, makeAdmin, newRun } from './actors.ts';

/** Tables of a run whose rows policies hide until an import is finished. */
const hidden = [
  'test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs',
  'test_execution_commands', 'recorded_exchanges', 'approvals', 'comments', 'log_bookmarks', 'imported_extras',
] as const;

/** Recordings from files: rows as they were, all of a run or nothing. */
export function importContract(open: () => Database): void {
  describe('imports', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });

    const call = async (batch: JsonObject): Promise<JsonObject> => await callFunction(database, claimsOf.admin, 'import_rows($1)', [batch]);
    const query = async (text: string, parameters: readonly unknown[] = []) =>
      (await database.asOwner((transaction) => transaction.query(text, parameters))).rows;
    const seenBy = async (who: 'admin' | 'service', runId: string): Promise<Record<string, number>> => {
      const counts = await database.asUser(claimsOf[who], async (transaction) => {
        const found: [string, number][] = [];
        for (const table of hidden) {
          const { rows } = await transaction.query<{ n: number }>(`select count(*)::int as n from ${table} where test_run_id = $1`, [runId]);
          found.push([table, rows[0]!.n]);
        }
        return found;
      });
      return Object.fromEntries(counts);
    };
    /** A run with one row of every kind, made here, as rows that an import would bring. */
    const recorded = async (): Promise<{ run: JsonObject; rows: readonly JsonObject[] }> => {
      const id = await newRun(database, { status: 'completed', notes: 'as it was', tags: ['a'] });
      await database.asUser(claimsOf.service, async (transaction) => {
        await insertRow(transaction, 'test_execution_steps', { test_run_id: id, step_key: 'a', status: 'completed' });
        const log = await insertRow(transaction, 'test_execution_logs', { test_run_id: id, message: 'hello', log_level: 'warn' });
        await insertRow(transaction, 'test_execution_snapshots', { test_run_id: id, step_key: 'a', inputs: { a: 1 } });
        await insertRow(transaction, 'snapshot_blobs', { test_run_id: id, hash: 'h', body: '1' });
        await insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'pause' });
        await insertRow(transaction, 'recorded_exchanges', { test_run_id: id, ordinal: 0, kind: 'fetch' });
        await insertRow(transaction, 'comments', { test_run_id: id, body: 'hm', author_name: 'ada' });
        await insertRow(transaction, 'log_bookmarks', { test_run_id: id, log_id: log['id']!, note: 'here it begins', author_name: 'ada' });
      });
      const all: JsonObject[] = [];
      for (const table of hidden) all.push(...(await query(`select '${table}' as "table", to_jsonb(t) as row from ${table} t where test_run_id = $1`, [id])));
      await query('delete from test_execution_runs where test_run_id = $1', [id]);
      const [run, ...rows] = all;
      return { run: tables.test_execution_runs.parse(run!['row']) as unknown as JsonObject, rows };
    };

    it('stores rows as they were, and shows them when all are there', async () => {
      const { run, rows } = await recorded();
      const id = run['test_run_id'] as string;
      const head = { run_id: id, import_id: randomUUID() };
      const extras = [{ table_name: 'moods', row_key: '1', place: 1, fields: { mood: 'fine' } }];
      const heard: string[] = [];
      const unlisten = await database.listen('stepscope_changes', (payload) => heard.push(payload));

      expect(await call({ ...head, do: 'begin' })).toEqual({ state: 'ready' });
      expect(await call({ ...head, do: 'store', rows, extras })).toEqual({ state: 'ok', stored: 8 });
      // As when an answer was lost.
      expect(await call({ ...head, do: 'store', rows, extras })).toEqual({ state: 'ok', stored: 0 });
      expect(Object.values(await seenBy('admin', id)).every((n) => n === 0)).toBe(true);
      expect(heard.filter((payload) => payload.includes(id))).toEqual([]);
      expect(await query(`select count(*)::int as n from audit_log where target_id = $1 and action <> 'run.insert' and action <> 'run.delete'`, [id])).toEqual([{ n: 0 }]);

      await call({ ...head, do: 'finish', run, stored: 8 });
      expect(await seenBy('admin', id)).toEqual({ ...Object.fromEntries(hidden.map((table) => [table, 1])), approvals: 0 });
      for (const { table, row } of [{ table: 'test_execution_runs', row: run }, ...rows] as { table: string; row: JsonObject }[]) {
        expect(await query(`select to_jsonb(t) as row from ${table} t where test_run_id = $1`, [id])).toEqual([{ row }]);
      }
      const told = heard.filter((payload) => payload.includes(id)).map((payload) => JSON.parse(payload) as { op: string; table: string });
      expect(told).toEqual([expect.objectContaining({ op: 'UPDATE', table: 'test_execution_runs' })]);
      await unlisten();
      expect(await query(`select action, actor, details ->> 'rows' as n from audit_log where target_id = $1 order by id desc limit 1`, [id])).toEqual([
        { action: 'run.import', actor: claimsOf.admin.sub, n: '8' },
      ]);
    });

    it('goes on numbering where the recording ended, and counts and tells what comes later', async () => {
      const { run, rows } = await recorded();
      const id = run['test_run_id'] as string;
      const head = { run_id: id, import_id: randomUUID() };
      await call({ ...head, do: 'begin' });
      await call({ ...head, do: 'store', rows });
      await call({ ...head, do: 'finish', run, stored: 8 });
      const last = Math.max(...[run, ...rows.map((one) => one['row'] as JsonObject)].map((row) => Number(row['seq'] ?? 0)));
      const log = await database.asUser(claimsOf.service, (transaction) => insertRow(transaction, 'test_execution_logs', { test_run_id: id, message: 'later', log_level: 'warn' }));
      expect(log['seq']).toBe(last + 1);
      expect(await query('select log_counts from test_execution_runs where test_run_id = $1', [id])).toEqual([{ log_counts: { warn: 2 } }]);
    });

    it('leaves nothing to see of one that was not finished, and takes it away', async () => {
      const { run, rows } = await recorded();
      const id = run['test_run_id'] as string;
      const first = { run_id: id, import_id: randomUUID() };
      await call({ ...first, do: 'begin' });
      await call({ ...first, do: 'store', rows });

      const second = { run_id: id, import_id: randomUUID() };
      expect(await call({ ...second, do: 'begin' })).toEqual({ state: 'busy' });
      await query(`update stepscope.imports set touched_at = now() - interval '31 seconds' where test_run_id = $1`, [id]);
      expect(await call({ ...second, do: 'begin' })).toEqual({ state: 'ready' });
      await expect(call({ ...first, do: 'store', rows })).rejects.toMatchObject({ code: 'PT409' });
      await expect(call({ ...first, do: 'finish', run, stored: 8 })).rejects.toMatchObject({ code: 'PT409' });
      expect(await call({ ...second, do: 'store', rows })).toMatchObject({ stored: 8 });
      expect(Object.values(await seenBy('admin', id)).every((n) => n === 0)).toBe(true);

      await query(`update stepscope.imports set touched_at = now() - interval '6 minutes' where test_run_id = $1`, [id]);
      await query('select stepscope.forget_unfinished_imports()');
      expect(Object.values(await seenBy('service', id)).every((n) => n === 0)).toBe(true);
    });

    it('takes a large rest away bit by bit', async () => {
      const id = randomUUID();
      const log = (i: number): JsonObject => ({
        table: 'test_execution_logs',
        row: { id: randomUUID(), test_run_id: id, step_type: 'log', log_level: 'info', message: `${i}`, metadata: {}, execution_context: 'client', timestamp: '2026-01-01', seq: i + 1, created_at: '2026-01-01' },
      });
      const head = { run_id: id, import_id: randomUUID() };
      await call({ ...head, do: 'begin' });
      for (let i = 0; i < 12; i++) await call({ ...head, do: 'store', rows: Array.from({ length: 1000 }, (_, n) => log(i * 1000 + n)) });
      expect(await call({ ...head, do: 'begin' })).toEqual({ state: 'clearing' });
      expect(await call({ ...head, do: 'begin' })).toEqual({ state: 'ready' });
      await call({ ...head, do: 'abandon' });
      expect(Object.values(await seenBy('service', id)).every((n) => n === 0)).toBe(true);
    });

    it('says that a run is here, and refuses rows that stand elsewhere', async () => {
      const { run, rows } = await recorded();
      const id = run['test_run_id'] as string;
      const head = { run_id: id, import_id: randomUUID() };
      await call({ ...head, do: 'begin' });
      await call({ ...head, do: 'store', rows });
      await call({ ...head, do: 'finish', run, stored: 8 });
      expect(await call({ ...head, do: 'begin' })).toEqual({ state: 'here' });

      const other = { run_id: `${id}-copy`, import_id: randomUUID() };
      await call({ ...other, do: 'begin' });
      const copies = rows.map(({ table, row }) => ({ table: table!, row: { ...(row as JsonObject), test_run_id: other.run_id } }));
      expect(await call({ ...other, do: 'store', rows: copies })).toMatchObject({ stored: 1 });
      await expect(call({ ...other, do: 'finish', run, stored: 8 })).rejects.toMatchObject({ code: 'PT409' });
      await call({ ...other, do: 'abandon' });
    });

    it('lets a fork whose parent is not here stand alone, and remembers the parent', async () => {
      const { run } = await recorded();
      const id = run['test_run_id'] as string;
      const head = { run_id: id, import_id: randomUUID() };
      await call({ ...head, do: 'begin' });
      await call({ ...head, do: 'finish', run: { ...run, parent_run_id: 'elsewhere' }, stored: 0 });
      expect(await query('select parent_run_id from test_execution_runs where test_run_id = $1', [id])).toEqual([{ parent_run_id: null }]);
      expect(await query('select fields from imported_extras where test_run_id = $1', [id])).toEqual([{ fields: { parent_run_id: 'elsewhere' } }]);
    });

    it('gives a log in pages that are not too large', async () => {
      const id = await newRun(database, { holder_id: 'h' });
      for (let i = 0; i < 4; i++) {
        const logs = Array.from({ length: 12 }, (_, n) => ({ id: randomUUID(), test_run_id: id, message: `${i} ${n}`, data: { long: Array.from({ length: 6_000 }, () => randomUUID()).join('') } }));
        await callFunction(database, claimsOf.service, 'ingest($1)', [{ run_id: id, holder_id: 'h', logs }]);
      }
      const messages: string[] = [];
      let pages = 0;
      for (let after = 0, complete = false; !complete; pages++) {
        const page: { rows: { message: string; seq: number }[]; complete: boolean } = await callFunction(database, claimsOf.admin, 'run_logs($1, $2, 1000)', [id, after]);
        messages.push(...page.rows.map(({ message }) => message));
        after = page.rows.at(-1)?.seq ?? after;
        complete = page.complete;
      }
      expect(messages).toEqual(Array.from({ length: 48 }, (_, i) => `${Math.floor(i / 12)} ${i % 12}`));
      expect(pages).toBeGreaterThan(2);
    });

    it('lets no client past the triggers by itself', async () => {
      const id = await newRun(database);
      const [log] = await database.asUser(claimsOf.service, async (transaction) => {
        await transaction.query(`select set_config('stepscope.importing', 'on', true)`);
        return [await insertRow(transaction, 'test_execution_logs', { test_run_id: id, message: 'x', seq: 4711 })];
      });
      expect(log!['seq']).toBeLessThan(100);
    });
  });
}
