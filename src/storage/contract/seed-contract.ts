import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../database.ts';
import { claimsOf, insertRow, makeAdmin, newRun } from './actors.ts';

/** What programs written for the seed documents do: insert with the columns and spellings they know. */
export function seedContract(open: () => Database): void {
  describe('a client that knows only the seed’s columns', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });
    const asAdmin = <T>(work: Parameters<Database['asUser']>[1]): Promise<T> => database.asUser(claimsOf.admin, work) as Promise<T>;

    it('stores a run, its logs, snapshots and comparison', async () => {
      const stored = await asAdmin<Record<string, unknown>[]>(async (transaction) => {
        const run = await insertRow(transaction, 'test_execution_runs', {
          model_record_id: 'm',
          model_name: 'FLUX',
          model_provider: 'replicate',
          status: 'running',
          mode: 'auto',
          total_steps: 15,
          test_mode_enabled: true,
          skip_billing: true,
          execution_data: { prompt: 'x' },
          tags: ['smoke'],
          environment: 'local',
          user_agent: 'seed',
        });
        const test_run_id = run['test_run_id']!;
        const log = await insertRow(transaction, 'test_execution_logs', {
          test_run_id,
          step_number: 8,
          step_name: 'Call Edge Function',
          message: 'hi',
          data: { a: 1 },
        });
        const snapshot = await insertRow(transaction, 'test_execution_snapshots', {
          test_run_id,
          step_number: 8,
          state_before: { a: 1 },
          inputs: { b: 2 },
        });
        const comparison = await insertRow(transaction, 'test_execution_comparisons', {
          run_ids: [test_run_id],
          differences_summary: {},
          performance_delta: {},
        });
        return [run, log, snapshot, comparison];
      });
      expect(stored[0]).toMatchObject({
        status: 'running',
        total_steps: 15,
        completed_steps: 0,
        admin_user_id: claimsOf.admin.sub,
        billing: 'test',
        seq: 1,
      });
      expect(stored[1]).toMatchObject({ log_level: 'info', step_type: 'log', execution_context: 'client', seq: 2 });
      expect(stored[2]).toMatchObject({ step_key: 'step_8', attempt: 1, can_edit: true });
      expect(stored[3]!['id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    });

    it.each([
      ['WARNING', 'edge', 'warn', 'edge_function'],
      ['fatal', 'db', 'critical', 'database'],
      ['Error', 'webhook', 'error', 'webhook'],
      ['DEBUG', 'client', 'debug', 'client'],
    ])('may write the level %s and the context %s', async (log_level, execution_context, level, context) => {
      const test_run_id = await newRun(database);
      const log = await asAdmin((transaction) =>
        insertRow(transaction, 'test_execution_logs', { test_run_id, log_level, execution_context, message: 'm' }),
      );
      expect(log).toMatchObject({ log_level: level, execution_context: context });
    });

    it('may write canceled, and the mode pause', async () => {
      const id = await newRun(database, { status: 'CANCELED', mode: 'pause' });
      expect(await run(id)).toMatchObject({ status: 'cancelled', mode: 'paused' });
    });

    it('may send null for what it leaves out, as a bulk insert of unlike rows does', async () => {
      const test_run_id = await newRun(database, { tags: null, status: null, execution_data: null, bookmarked: null });
      const log = await asAdmin((transaction) =>
        insertRow(transaction, 'test_execution_logs', { test_run_id, log_level: null, metadata: null, message: 'm', id: null }),
      );
      expect(log).toMatchObject({ log_level: 'info', metadata: {} });
      expect(await run(test_run_id)).toMatchObject({ tags: [], status: 'pending', bookmarked: false });
    });

    it('stores a step it ran twice as two attempts', async () => {
      const test_run_id = await newRun(database);
      const row = { test_run_id, step_number: 3 };
      const attempts = await asAdmin(async (transaction) => [
        await insertRow(transaction, 'test_execution_snapshots', row),
        await insertRow(transaction, 'test_execution_snapshots', row),
      ]);
      expect(attempts).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    });

    it('cannot choose its place in the order', async () => {
      const test_run_id = await newRun(database);
      const log = await asAdmin((transaction) => insertRow(transaction, 'test_execution_logs', { test_run_id, message: 'm', seq: 999 }));
      expect(log).toMatchObject({ seq: 2 });
    });

    it('is refused a level, a status, a run that do not exist', async () => {
      const test_run_id = await newRun(database);
      const insert = (table: string, row: Record<string, string>) =>
        database.asUser(claimsOf.service, (transaction) => insertRow(transaction, table, row));
      await expect(insert('test_execution_logs', { test_run_id, message: 'm', log_level: 'loud' })).rejects.toMatchObject({
        code: '23514',
      });
      await expect(insert('test_execution_runs', { status: 'lost' })).rejects.toMatchObject({ code: '23514' });
      await expect(insert('test_execution_logs', { test_run_id: randomUUID(), message: 'm' })).rejects.toMatchObject({ code: '23503' });
    });

    async function run(id: string): Promise<unknown> {
      const { rows } = await asAdmin<{ rows: unknown[] }>((transaction) =>
        transaction.query('select * from test_execution_runs where test_run_id = $1', [id]),
      );
      return rows[0];
    }
  });
}
