import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import type { Database } from '../database.ts';
import { actors, callFunction, claimsOf, insertRow, newRun } from './actors.ts';

interface Announcement {
  readonly op: string;
  readonly table: string;
  readonly run?: string;
  readonly from?: number;
  readonly to?: number;
  readonly keys?: readonly JsonObject[];
  readonly deleted?: readonly number[];
  readonly untold?: boolean;
}

/** What goes over the channel `stepscope_changes`; `ARCHITECTURE.md` has the shapes. */
export function announceContract(open: () => Database): void {
  describe('announcements', () => {
    let database: Database;
    let stop: () => Promise<void>;
    const heard: { readonly text: string; readonly announcement: Announcement }[] = [];
    beforeAll(async () => {
      database = open();
      stop = await database.listen('stepscope_changes', (text) => heard.push({ text, announcement: JSON.parse(text) as Announcement }));
    });
    afterAll(() => stop());

    /** What is announced while something is done, between two markers of our own. */
    async function announced(work: () => Promise<unknown>): Promise<Announcement[]> {
      await mark();
      heard.length = 0;
      await work();
      await mark();
      return heard.map(({ announcement }) => announcement).slice(0, -1);
    }
    async function mark(): Promise<void> {
      const marker = randomUUID();
      await asService((transaction) => insertRow(transaction, 'pipelines', { pipeline_key: marker, title: 'marker' }));
      await vi.waitFor(() => expect(heard.at(-1)?.text).toContain(marker));
    }
    const asService = (work: Parameters<Database['asUser']>[1]) => database.asUser(claimsOf.service, work);
    const logRows = (count: number) => Array.from({ length: count }, (_, index) => ({ id: randomUUID(), message: `line ${index}` }));

    it('names a range of log rows in one message, however many they are', async () => {
      const id = await newRun(database, { holder_id: 'h' });
      const said = await announced(() =>
        callFunction(database, claimsOf.service, 'ingest($1)', [{ run_id: id, holder_id: 'h', logs: logRows(500) }]),
      );
      expect(said).toEqual([{ op: 'INSERT', table: 'test_execution_logs', run: id, from: 2, to: 501 }]);
    });

    it('names rows by their keys', async () => {
      const id = randomUUID();
      const said = await announced(() => newRun(database, { id }));
      expect(said).toEqual([{ op: 'INSERT', table: 'test_execution_runs', run: expect.stringMatching(/^run-/), keys: [{ id }] }]);
    });

    it('says what changed and what was removed, and nothing of heartbeats', async () => {
      const id = randomUUID();
      const test_run_id = await newRun(database, { id, holder_id: 'h' });
      const said = await announced(async () => {
        await callFunction(database, claimsOf.service, 'hold_run($1, $2)', [test_run_id, 'h']);
        await asService((transaction) => transaction.query(`update test_execution_runs set status = 'running' where id = $1`, [id]));
        await asService((transaction) => transaction.query(`update test_execution_runs set status = 'running' where id = $1`, [id]));
        await asService((transaction) => transaction.query('delete from test_execution_runs where id = $1', [id]));
      });
      expect(said).toEqual([
        { op: 'UPDATE', table: 'test_execution_runs', run: test_run_id, keys: [{ id }] },
        { op: 'DELETE', table: 'test_execution_runs', run: test_run_id, deleted: [expect.any(Number)] },
      ]);
      expect(await keptRows(said)).toMatchObject([{ id, test_run_id, status: 'running' }]);
    });

    it('names what a deleted run takes with it, too', async () => {
      const id = await newRun(database, { holder_id: 'h' });
      await callFunction(database, claimsOf.service, 'ingest($1)', [
        { run_id: id, holder_id: 'h', logs: logRows(150), steps: [{ id: randomUUID(), step_key: 'a' }] },
      ]);
      const said = await announced(() =>
        asService((transaction) => transaction.query('delete from test_execution_runs where test_run_id = $1', [id])),
      );
      expect(said.map(({ op, table, deleted }) => `${op} ${table} ${deleted?.length}`).toSorted()).toEqual([
        'DELETE test_execution_logs 100',
        'DELETE test_execution_logs 50',
        'DELETE test_execution_runs 1',
        'DELETE test_execution_steps 1',
      ]);
    });

    it('tells at most 1,024 deletions of a table one by one, and that there were more', async () => {
      const runs = await Promise.all([newRun(database, { holder_id: 'h' }), newRun(database, { holder_id: 'h' })]);
      for (const run_id of runs)
        for (const count of [500, 300])
          await callFunction(database, claimsOf.service, 'ingest($1)', [{ run_id, holder_id: 'h', logs: logRows(count) }]);
      const said = await announced(() =>
        asService(async (transaction) => {
          for (const run of runs) await transaction.query('delete from test_execution_logs where test_run_id = $1', [run]);
        }),
      );
      expect(said.reduce((sum, { deleted = [] }) => sum + deleted.length, 0)).toBe(1_024);
      expect(said.filter(({ untold }) => untold)).toEqual([{ op: 'DELETE', table: 'test_execution_logs', untold: true }]);
    });

    it('keeps no deleted row that is too large, and says that there was one', async () => {
      const id = randomUUID();
      // As the owner: no request may be as large.
      const said = await announced(() =>
        database.asOwner(async (transaction) => {
          await transaction.query(`insert into jobs (id, job_type, error) values ($1, 'image', repeat('x', 5000000))`, [id]);
          await transaction.query('delete from jobs where id = $1', [id]);
        }),
      );
      expect(said).toEqual([
        { op: 'INSERT', table: 'jobs', keys: [{ id }] },
        { op: 'DELETE', table: 'jobs', untold: true },
      ]);
    });

    it('forgets deleted rows after a minute, and the oldest of too many at once', async () => {
      const left = await database.asOwner(async (transaction) => {
        await transaction.query('delete from stepscope.deleted_rows');
        await transaction.query(
          `insert into stepscope.deleted_rows (table_name, image, at)
           select 'old', jsonb '{}', now() - interval '61 seconds' from generate_series(1, 10) union all
           select 'new', jsonb '{}', now() from generate_series(1, stepscope.max_deleted_rows() + 5)`,
        );
        await transaction.query('select stepscope.forget_deleted_rows()');
        const { rows } = await transaction.query<JsonObject>(
          `select table_name as name, count(*)::int - stepscope.max_deleted_rows() as more from stepscope.deleted_rows group by 1`,
        );
        await transaction.query('delete from stepscope.deleted_rows');
        return rows;
      });
      expect(left).toEqual([{ name: 'new', more: 0 }]);
    });

    it.each(actors)('lets nobody read what was deleted: %s', async (actor) => {
      for (const statement of ['select from stepscope.deleted_rows', 'select stepscope.forget_deleted_rows()'])
        await expect(database.asUser(claimsOf[actor], (transaction) => transaction.query(statement))).rejects.toMatchObject({
          code: '42501',
        });
    });

    /** The rows that announcements of deletion name, as they last were. */
    async function keptRows(said: readonly Announcement[]): Promise<unknown[]> {
      const ids = said.flatMap(({ deleted = [] }) => deleted);
      const { rows } = await database.asOwner((transaction) =>
        transaction.query<{ image: unknown }>('select image from stepscope.deleted_rows where id = any ($1::bigint[]) order by id', [ids]),
      );
      return rows.map(({ image }) => image);
    }

    it('announces the tables that belong to no run', async () => {
      const pipeline_key = randomUUID();
      const said = await announced(async () => {
        await asService((transaction) => insertRow(transaction, 'pipelines', { pipeline_key, title: 'P' }));
        await asService((transaction) => transaction.query(`update pipelines set title = 'Q' where pipeline_key = $1`, [pipeline_key]));
        await asService((transaction) => insertRow(transaction, 'runners', { id: pipeline_key, name: 'n', host: 'h', pid: 1 }));
        await asService((transaction) => insertRow(transaction, 'breakpoints', { pipeline_key }));
      });
      expect(said).toEqual([
        { op: 'INSERT', table: 'pipelines', keys: [{ pipeline_key }] },
        { op: 'UPDATE', table: 'pipelines', keys: [{ pipeline_key }] },
        { op: 'INSERT', table: 'runners', keys: [{ id: pipeline_key }] },
        { op: 'INSERT', table: 'breakpoints', keys: [{ id: expect.any(String) }] },
      ]);
    });

    it('splits what one message cannot hold, losing none', async () => {
      const id = await newRun(database);
      const said = await announced(() =>
        asService((transaction) =>
          transaction.query(
            `insert into test_execution_steps (test_run_id, step_key) select $1, 'step ' || n from generate_series(1, 250) n`,
            [id],
          ),
        ),
      );
      const steps = said.filter(({ table }) => table === 'test_execution_steps');
      expect(steps.flatMap(({ keys }) => keys)).toHaveLength(250);
      expect(new Set(steps.flatMap(({ keys }) => keys!.map((key) => key['id']))).size).toBe(250);
      for (const { keys } of steps) expect(keys!.length).toBeLessThanOrEqual(100);
    });

    it('keeps every message short, with the longest keys too', async () => {
      await announced(() =>
        asService((transaction) =>
          transaction.query(
            `insert into pipelines (pipeline_key, title) select 'k' || lpad(n::text, 3, '0') || repeat('"', 190), 'P' from generate_series(1, 120) n`,
          ),
        ),
      );
      expect(heard.length).toBeGreaterThan(5);
      for (const { text } of heard) expect(Buffer.byteLength(text)).toBeLessThan(7_000);
      await asService((transaction) => transaction.query(`delete from pipelines where pipeline_key like 'k%"'`));
    });

    it('announces nothing that was rolled back', async () => {
      const said = await announced(async () => {
        const failing = asService(async (transaction) => {
          await insertRow(transaction, 'test_execution_runs', { notes: 'gone' });
          throw new Error('on purpose');
        });
        await expect(failing).rejects.toThrow('on purpose');
      });
      expect(said).toEqual([]);
    });
  });
}
