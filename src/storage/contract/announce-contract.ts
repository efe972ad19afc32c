import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import type { Database } from '../database.ts';
import { callFunction, claimsOf, insertRow, newRun } from './actors.ts';

interface Announcement {
  readonly op: string;
  readonly table: string;
  readonly run?: string;
  readonly from?: number;
  readonly to?: number;
  readonly keys?: readonly JsonObject[];
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
        { op: 'DELETE', table: 'test_execution_runs', run: test_run_id, keys: [{ id }] },
      ]);
    });

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
