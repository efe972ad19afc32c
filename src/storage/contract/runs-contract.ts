import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tables } from '../../protocol/rows.ts';
import type { Database } from '../database.ts';
import { callFunction, claimsOf, insertRow, makeAdmin, newRun, userIds } from './actors.ts';

/** Claiming, holding, commanding, ending and removing runs. */
export function runsContract(open: () => Database): void {
  describe('runs and who holds them', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });
    const service = <T>(call: string, parameters: readonly unknown[]): Promise<T> =>
      callFunction<T>(database, claimsOf.service, call, parameters);
    const query = async (text: string, parameters: readonly unknown[] = []) =>
      (await database.asOwner((transaction) => transaction.query(text, parameters))).rows;

    it('gives each pending run to one runner, oldest first', async () => {
      const pipeline = `claim-${randomUUID()}`;
      const ids: string[] = [];
      for (let i = 0; i < 6; i += 1) ids.push(await newRun(database, { pipeline_key: pipeline, created_at: `2026-01-01T00:00:0${i}Z` }));
      const claim = (runner: string) =>
        database.asUser(claimsOf.service, (transaction) =>
          transaction.query('select * from claim_run($1, $2)', [runner, [pipeline, 'another']]),
        );

      const first = await claim('runner-0');
      expect(tables.test_execution_runs.parse(first.rows[0])).toMatchObject({
        test_run_id: ids[0],
        status: 'running',
        holder_id: 'runner-0',
      });
      expect(first.rows[0]!['started_at']).not.toBeNull();

      const rest = await Promise.all(Array.from({ length: 10 }, (_, index) => claim(`runner-${index + 1}`)));
      const claimed = rest.flatMap(({ rows }) => rows.map((row) => row['test_run_id'] as string));
      expect(claimed.toSorted()).toEqual(ids.slice(1).toSorted());
    });

    it('leaves alone what is of another pipeline, held or running', async () => {
      const pipeline = `claim-${randomUUID()}`;
      await newRun(database, { pipeline_key: pipeline, status: 'running' });
      await newRun(database, { pipeline_key: pipeline, holder_id: 'somebody' });
      const { rows } = await database.asUser(claimsOf.service, (transaction) =>
        transaction.query('select * from claim_run($1, $2)', ['r', [pipeline]]),
      );
      expect(rows).toEqual([]);
    });

    it('takes a heartbeat from the holder alone, and makes no news of it', async () => {
      const id = await newRun(database, { holder_id: 'holder-1', status: 'running' });
      expect(await service('hold_run($1, $2)', [id, 'holder-1'])).toBe(true);
      expect(await service('hold_run($1, $2)', [id, 'holder-2'])).toBe(false);
      expect(
        await query('select seq, holder_heartbeat_at is not null as heard from test_execution_runs where test_run_id = $1', [id]),
      ).toEqual([{ seq: 1, heard: true }]);
    });

    it('moves a command once, for the holder alone', async () => {
      const id = await newRun(database, { holder_id: 'holder-1', status: 'running' });
      const command = await database.asUser(claimsOf.admin, (transaction) =>
        insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'pause' }),
      );
      const settle = (holder: string, state: string, why: string | null = null) =>
        service('settle_command($1, $2, $3, $4)', [command['id'], holder, state, why]);

      expect(await settle('holder-2', 'accepted')).toBe(false);
      const race = await Promise.all([settle('holder-1', 'accepted'), settle('holder-1', 'accepted')]);
      expect(race.filter(Boolean)).toHaveLength(1);
      expect(await settle('holder-1', 'done')).toBe(true);
      expect(await settle('holder-1', 'refused', 'too late')).toBe(false);
      await expect(settle('holder-1', 'pending')).rejects.toMatchObject({ code: '22023' });

      const [stored] = await query('select * from test_execution_commands where id = $1', [command['id']]);
      expect(tables.test_execution_commands.parse(stored)).toMatchObject({ state: 'done', reason: null });
      expect(stored!['seq']).toBeGreaterThan(command['seq'] as number);
    });

    it('refuses a command to a run that has ended', async () => {
      const id = await newRun(database, { status: 'completed' });
      const command = await database.asUser(claimsOf.admin, (transaction) =>
        insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'pause' }),
      );
      expect(command).toMatchObject({ state: 'refused', reason: 'the run is completed' });
    });

    it('interrupts runs whose holder is gone, with their open steps, and refuses what waited too long', async () => {
      const old = { holder_heartbeat_at: '2026-01-01T00:00:00Z', status: 'running' };
      const lost = await newRun(database, { ...old, holder_id: 'gone/1' });
      const paused = await newRun(database, { ...old, holder_id: 'gone/2', status: 'paused', lease_until: '2030-01-01T00:00:00Z' });
      const elsewhere = await newRun(database, { ...old, holder_id: 'other/1' });
      const unheld = await newRun(database, { status: 'running' });
      await database.asUser(claimsOf.service, async (transaction) => {
        await insertRow(transaction, 'test_execution_steps', { test_run_id: lost, step_key: 'done', status: 'completed' });
        await insertRow(transaction, 'test_execution_steps', { test_run_id: lost, step_key: 'open', status: 'running' });
        await insertRow(transaction, 'test_execution_commands', {
          test_run_id: elsewhere,
          verb: 'pause',
          expires_at: '2026-01-01T00:00:00Z',
        });
      });
      await service('hold_run($1, $2)', [lost, 'gone/1']);

      const interrupt = (age: string, prefix: string | null) =>
        database.asUser(claimsOf.service, (transaction) =>
          transaction.query<{ id: string }>('select interrupt_lost_runs($1, $2) as id', [age, prefix]),
        );
      expect((await interrupt('30 seconds', 'gone/')).rows.map(({ id }) => id)).toEqual([paused]);
      expect((await interrupt('0', 'gone/')).rows.map(({ id }) => id)).toEqual([lost]);
      expect((await interrupt('0', 'gone/')).rows).toEqual([]);

      expect(await query('select status from test_execution_runs where test_run_id = any ($1)', [[lost, paused]])).toEqual([
        { status: 'interrupted' },
        { status: 'interrupted' },
      ]);
      expect(await query('select step_key, status from test_execution_steps where test_run_id = $1 order by step_key', [lost])).toEqual([
        { step_key: 'done', status: 'completed' },
        { step_key: 'open', status: 'cancelled' },
      ]);
      expect(await query('select status from test_execution_runs where test_run_id = any ($1)', [[elsewhere, unheld]])).toEqual([
        { status: 'running' },
        { status: 'running' },
      ]);
      expect(await query('select state from test_execution_commands where test_run_id = $1', [elsewhere])).toEqual([{ state: 'refused' }]);
    });

    it('cleans up what is old, and keeps bookmarks, the new and those at work', async () => {
      const old = { created_at: '2020-01-01T00:00:00Z', status: 'completed' };
      const gone = await newRun(database, old);
      const stuck = await newRun(database, { ...old, status: 'running', holder_heartbeat_at: '2020-01-01T00:00:00Z' });
      const bookmarked = await newRun(database, { ...old, bookmarked: true });
      const working = await newRun(database, { ...old, status: 'running', holder_heartbeat_at: new Date().toISOString() });
      const child = await newRun(database, { parent_run_id: gone });
      await database.asUser(claimsOf.service, (transaction) =>
        insertRow(transaction, 'test_execution_logs', { test_run_id: gone, message: 'm' }),
      );

      expect(await callFunction<number>(database, claimsOf.admin, 'cleanup_old_test_runs()')).toBe(2);
      const left = await query(
        'select test_run_id, parent_run_id from test_execution_runs where test_run_id = any ($1) order by created_at, test_run_id',
        [[gone, stuck, bookmarked, working, child]],
      );
      expect(left.map((row) => row['test_run_id'])).toEqual([...[bookmarked, working].toSorted(), child]);
      expect(left.at(-1)!['parent_run_id']).toBeNull();
      expect(await query('select 1 from test_execution_logs where test_run_id = $1', [gone])).toEqual([]);
      expect(await query('select 1 from run_sequences where test_run_id = $1', [gone])).toEqual([]);
      await expect(callFunction(database, claimsOf.admin, 'cleanup_old_test_runs(-1)')).rejects.toMatchObject({ code: '22023' });
      await expect(callFunction(database, claimsOf.user, 'cleanup_old_test_runs(30)')).rejects.toMatchObject({ code: '42501' });
    });

    it('sums a run up', async () => {
      const id = await newRun(database, { pipeline_key: 'p', total_steps: 2, tags: ['a'] });
      await database.asUser(claimsOf.service, async (transaction) => {
        await insertRow(transaction, 'test_execution_steps', {
          test_run_id: id,
          step_key: 'a',
          ordinal: 0,
          status: 'completed',
          duration_ms: 5,
        });
        await insertRow(transaction, 'test_execution_steps', {
          test_run_id: id,
          step_key: 'a.b',
          parent_step_key: 'a',
          ordinal: 1,
          status: 'completed',
        });
        for (const log_level of ['info', 'warn', 'error', 'critical'])
          await insertRow(transaction, 'test_execution_logs', { test_run_id: id, message: 'm', log_level });
      });
      expect(await callFunction(database, claimsOf.admin, 'get_test_run_summary($1)', [id])).toMatchObject({
        test_run_id: id,
        completed_steps: 1,
        log_count: 4,
        error_count: 2,
        warning_count: 1,
        tags: ['a'],
        steps: [{ step_key: 'a', status: 'completed', duration_ms: 5 }, { step_key: 'a.b' }],
      });
      expect(await callFunction(database, claimsOf.user, 'get_test_run_summary($1)', [id])).toBeNull();
    });

    it('numbers breakpoints within their pipeline, for many at once, unless a number is given', async () => {
      const pipeline_key = `numbers-${randomUUID()}`;
      const add = (number?: number) =>
        database.asUser(claimsOf.admin, (transaction) =>
          insertRow(transaction, 'breakpoints', { pipeline_key, target: 'a', ...(number === undefined ? {} : { number }) }),
        );
      const added = await Promise.all(Array.from({ length: 8 }, () => add()));
      expect(await add(77)).toMatchObject({ number: 77 });
      await expect(add(77)).rejects.toMatchObject({ code: '23505' });
      expect(added.map((row) => row['number'] as number).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(added[0]).toMatchObject({ created_by: userIds.admin, enabled: true });
    });

    it('gives no breakpoint the number of one that was removed', async () => {
      const pipeline_key = `removed-${randomUUID()}`;
      const add = () => database.asUser(claimsOf.admin, (transaction) => insertRow(transaction, 'breakpoints', { pipeline_key, target: 'a' }));
      expect(await add()).toMatchObject({ number: 1 });
      expect(await add()).toMatchObject({ number: 2 });
      await query('delete from breakpoints where pipeline_key = $1', [pipeline_key]);
      expect(await add()).toMatchObject({ number: 3 });
    });

    it('tells what steps charged through their context', async () => {
      const id = `charged-${randomUUID()}`;
      await database.asUser(claimsOf.service, async (transaction) => {
        await insertRow(transaction, 'test_execution_runs', { test_run_id: id, billing: 'enforced' });
        await insertRow(transaction, 'test_execution_logs', { test_run_id: id, step_key: 'a', message: 'Charged 3 credits', metadata: { charged: 3 } });
        await insertRow(transaction, 'test_execution_logs', { test_run_id: id, step_key: 'a', message: 'Charged 1 credit', metadata: { charged: 1 } });
        await insertRow(transaction, 'test_execution_logs', { test_run_id: id, step_key: 'a', message: 'no charge', metadata: { charged: 'much' } });
      });
      expect(await callFunction(database, claimsOf.service, 'fork_facts($1)', [id])).toMatchObject({ charges: [{ step_key: 'a', charged: 4, would_have_charged: 0 }] });
    });

    it('keeps an audit of what people do', async () => {
      const id = `audited-${randomUUID()}`;
      await database.asUser(claimsOf.admin, async (transaction) => {
        await insertRow(transaction, 'test_execution_runs', { test_run_id: id, pipeline_key: 'p' });
        await transaction.query('update test_execution_runs set bookmarked = true where test_run_id = $1', [id]);
        await transaction.query('update test_execution_runs set current_step = $2 where test_run_id = $1', [id, 'a']);
        await insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'cancel' });
        await transaction.query('delete from test_execution_runs where test_run_id = $1', [id]);
      });
      const rows = await query(`select * from audit_log where target_id = $1 or details ->> 'test_run_id' = $1 order by id`, [id]);
      expect(rows.map((row) => tables.audit_log.parse(row)).map(({ action, actor, actor_role }) => [action, actor, actor_role])).toEqual(
        ['run.insert', 'run.update', 'command.insert', 'run.delete'].map((action) => [action, userIds.admin, 'authenticated']),
      );
    });

    it('keeps runs when the user who made them is deleted, and charges a job once', async () => {
      const [{ count }] = (await query(
        `select count(*)::int as count from pg_constraint where contype = 'f' and connamespace <> 'auth'::regnamespace and confrelid::regclass::text like 'auth.%'`,
      )) as [{ count: number }];
      expect(count).toBe(0);
      const job_id = randomUUID();
      const charge = () =>
        database.asUser(claimsOf.service, (transaction) => insertRow(transaction, 'credit_ledger', { job_id, kind: 'debit', amount: -1 }));
      await charge();
      await expect(charge()).rejects.toMatchObject({ code: '23505' });
    });

    it.each(Object.entries(tables))('stores rows of %s that its schema can read', async (table, schema) => {
      const { rows } = await database.asOwner((transaction) => transaction.query(`select * from ${table} limit 20`));
      expect(z.array(schema as z.ZodType).safeParse(rows).error?.message).toBeUndefined();
    });

    it('answers the usual questions from an index', async () => {
      const plans = await database.asOwner(async (transaction) => {
        await transaction.query('set local enable_seqscan = off');
        const texts = {
          newest: 'select * from test_execution_runs order by created_at desc, id desc limit 50',
          status: `select * from test_execution_runs where status = 'failed' order by created_at desc limit 50`,
          bookmarked: 'select * from test_execution_runs where bookmarked order by created_at desc limit 50',
          tag: `select * from test_execution_runs where tags @> array['a']`,
          children: `select * from test_execution_runs where parent_run_id = 'x'`,
          logs: `select * from test_execution_logs where test_run_id = 'x' and seq > 5 order by seq limit 50`,
          level: `select * from test_execution_logs where test_run_id = 'x' and log_level = 'error' order by seq limit 50`,
          step: `select * from test_execution_logs where test_run_id = 'x' and step_key = 'a' order by seq limit 50`,
          steps: `select * from test_execution_steps where test_run_id = 'x' order by seq`,
          commands: `select * from test_execution_commands where test_run_id = 'x' and state = 'pending'`,
        };
        const found: Record<string, string> = {};
        for (const [name, text] of Object.entries(texts)) {
          const { rows } = await transaction.query(`explain ${text}`);
          found[name] = rows.map((row) => row['QUERY PLAN'] as string).join('\n');
        }
        return found;
      });
      for (const [name, plan] of Object.entries(plans)) {
        expect(plan, name).toMatch(/Index|Bitmap/);
        expect(plan, name).not.toMatch(/Seq Scan/);
      }
    });
  });
}
