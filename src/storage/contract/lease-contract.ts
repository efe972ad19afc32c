import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import { tables } from '../../protocol/rows.ts';
import type { Database } from '../database.ts';
import { callFunction, claimsOf, insertRow, makeAdmin, newRun, userIds } from './actors.ts';
import type { Actor } from './actors.ts';

const ada = { ...claimsOf.admin, sub: userIds.other, email: 'ada@example.com' };

/** Whose pause it is, who takes a held run up, and who said that it may go on. */
export function leaseContract(open: () => Database): void {
  describe('held runs', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
      await database.asOwner((transaction) =>
        transaction.query(`insert into user_roles (user_id, role) values ($1, 'admin') on conflict do nothing`, [userIds.other]),
      );
    });
    const call = <T = JsonObject>(who: Actor | typeof ada, text: string, parameters: readonly unknown[]): Promise<T> =>
      callFunction<T>(database, typeof who === 'string' ? claimsOf[who] : who, text, parameters);
    const query = async (text: string, parameters: readonly unknown[] = []) =>
      (await database.asOwner((transaction) => transaction.query(text, parameters))).rows;
    const held = (columns: JsonObject = {}) =>
      newRun(database, { status: 'paused', resumable: true, holder_id: 'h', holder_heartbeat_at: new Date().toISOString(), pipeline_key: `p-${randomUUID()}`, ...columns });
    const deeds = async (run: string) =>
      (await query(`select action, details from audit_log where target_table = 'run_leases' and target_id = $1 order by id`, [run])) as { action: string; details: JsonObject }[];
    const expire = (run: string) => query(`update run_leases set expires_at = now() - interval '1 second' where test_run_id = $1`, [run]);

    it('give a lease to who comes first, and let others only look', async () => {
      const run = await held();
      expect(await call('admin', 'hold_lease($1, $2)', [run, 'a'])).toMatchObject({ owner_name: 'admin@example.com', terminal: 'a', mine: true });
      expect(await call(ada, 'hold_lease($1, $2)', [run, 'b'])).toMatchObject({ owner_name: 'admin@example.com', terminal: 'a', mine: false });
      expect(await call('admin', 'hold_lease($1, $2)', [run, 'another terminal'])).toMatchObject({ mine: false });
      // The name of a terminal is no password.
      expect(await call(ada, 'hold_lease($1, $2)', [run, 'a'])).toMatchObject({ mine: false });
      expect(await call<boolean>(ada, 'release_lease($1, $2)', [run, 'a'])).toBe(false);
      const [row] = await query('select * from run_leases where test_run_id = $1', [run]);
      expect(tables.run_leases.parse(row)).toMatchObject({ owner: userIds.admin, terminal: 'a' });
    });

    it('write a takeover down with both names, renewals not at all, and change no run for either', async () => {
      const run = await held();
      const seq = () => query('select seq from test_execution_runs where test_run_id = $1', [run]);
      const before = await seq();
      for (let i = 0; i < 3; i += 1) await call('admin', 'hold_lease($1, $2)', [run, 'a']);
      expect(await call(ada, 'hold_lease($1, $2, 60, true)', [run, 'b'])).toMatchObject({ owner_name: 'ada@example.com', mine: true });
      expect(await call('admin', 'hold_lease($1, $2)', [run, 'a'])).toMatchObject({ owner_name: 'ada@example.com', mine: false });
      expect(await seq()).toEqual(before);
      expect(await deeds(run)).toMatchObject([
        { action: 'lease.hold', details: { owner_name: 'admin@example.com' } },
        { action: 'lease.take', details: { owner_name: 'ada@example.com', from: 'admin@example.com', had_expired: false } },
      ]);
    });

    it('tell once that a lease has ended, and what becomes of the run', async () => {
      for (const [policy, waits, act] of [['hold', false, 'hold'], ['continue', false, 'continue'], ['cancel', false, 'cancel'], ['continue', true, 'hold']] as const) {
        const run = await held({ on_lease_end: policy });
        const ask = (holder = 'h') => call('service', 'lapsed_lease($1, $2)', [run, holder]);
        if (waits) await query(`insert into approvals (test_run_id, step_key, title) values ($1, 'a', 'May it?')`, [run]);
        expect(await ask()).toEqual({ state: 'none' });
        await call('admin', 'hold_lease($1, $2)', [run, 'a']);
        expect(await ask()).toMatchObject({ state: 'living', terminal: 'a' });
        await expire(run);
        expect(await ask('another holder')).toEqual({ state: 'none' });
        expect(await ask()).toMatchObject({ state: 'ended', owner_name: 'admin@example.com', act });
        expect(await ask()).toEqual({ state: 'none' });
        expect((await deeds(run)).at(-1)).toMatchObject({ action: 'lease.end', details: { owner_name: 'admin@example.com', act } });
        expect(await query('select resumable from test_execution_runs where test_run_id = $1', [run])).toEqual([{ resumable: act !== 'continue' }]);
      }
    });

    it('have no owner when they have ended, and take none', async () => {
      const run = await held();
      await call('admin', 'hold_lease($1, $2)', [run, 'a']);
      await query(`update test_execution_runs set status = 'cancelled' where test_run_id = $1`, [run]);
      expect(await query('select * from run_leases where test_run_id = $1', [run])).toEqual([]);
      await expect(call('admin', 'hold_lease($1, $2)', [run, 'a'])).rejects.toMatchObject({ code: 'PT409' });
      await expect(call('admin', 'hold_lease($1, $2)', ['no such run', 'a'])).rejects.toMatchObject({ code: 'PT404' });
      await expect(call('admin', 'hold_lease($1, $2, 0)', [run, 'a'])).rejects.toMatchObject({ code: '22023' });
      await expect(call('user', 'hold_lease($1, $2)', [run, 'a'])).rejects.toMatchObject({ code: '42501' });
    });

    it('stay paused when their holder is gone, and go to the next runner once', async () => {
      const pipeline = `p-${randomUUID()}`;
      const run = await held({ pipeline_key: pipeline, holder_heartbeat_at: '2026-01-01T00:00:00Z' });
      const lossy = await held({ pipeline_key: pipeline, holder_heartbeat_at: '2026-01-01T00:00:00Z', resumable: false, holder_id: 'h2' });
      const program = await held({ pipeline_key: pipeline, holder_id: null, execution_data: { tracedBy: 'tracker' } });
      await query(`select interrupt_lost_runs('30 seconds', 'h')`);
      expect(await query('select status, holder_id from test_execution_runs where test_run_id = any ($1) order by status', [[run, lossy]])).toEqual([
        { status: 'interrupted', holder_id: 'h2' },
        { status: 'paused', holder_id: null },
      ]);
      const claims = await Promise.all(
        ['a', 'b', 'c'].map((runner) =>
          database.asUser(claimsOf.service, (transaction) => transaction.query<{ test_run_id: string; status: string }>('select * from claim_run($1, $2)', [runner, [pipeline]])),
        ),
      );
      expect(claims.flatMap(({ rows }) => rows.map(({ test_run_id, status }) => ({ test_run_id, status })))).toEqual([{ test_run_id: run, status: 'paused' }]);
      // A program takes up its own, and nobody else's.
      expect(await call<boolean>('service', 'take_up_run($1, $2)', [program, 'p'])).toBe(true);
      expect(await call<boolean>('service', 'take_up_run($1, $2)', [program, 'q'])).toBe(false);
    });

    it('go back to a holder that was only out of reach, unless somebody was there before it', async () => {
      const run = await held();
      await query('update test_execution_runs set holder_id = null where test_run_id = $1', [run]);
      expect(await call<boolean>('service', 'hold_run($1, $2)', [run, 'h'])).toBe(true);
      expect(await call<boolean>('service', 'hold_run($1, $2)', [run, 'other'])).toBe(false);
      expect(await call<boolean>('service', 'release_run($1, $2)', [run, 'other'])).toBe(false);
      expect(await call<boolean>('service', 'release_run($1, $2)', [run, 'h'])).toBe(true);
    });

    it('are taken up by nobody once a command has let them go on', async () => {
      for (const verb of ['continue', 'next', 'stepIn', 'stepOut', 'runTo', 'approve', 'reject', 'edit', 'pause', 'take', 'lease']) {
        const run = await held();
        const command = await database.asUser(claimsOf.admin, (transaction) => insertRow(transaction, 'test_execution_commands', { test_run_id: run, verb }));
        expect(await call<boolean>('service', 'settle_command($1, $2, $3)', [command['id'], 'h', 'accepted'])).toBe(true);
        const stays = ['edit', 'pause', 'take', 'lease'].includes(verb);
        expect(await query('select resumable from test_execution_runs where test_run_id = $1', [run]), verb).toEqual([{ resumable: stays }]);
        expect(await call<boolean>('service', 'release_run($1, $2)', [run, 'h'])).toBe(stays);
      }
      const run = await held();
      expect(await call<boolean>('service', 'leave_hold($1, $2)', [run, 'other'])).toBe(false);
      expect(await call<boolean>('service', 'leave_hold($1, $2)', [run, 'h'])).toBe(true);
      expect(await call<boolean>('service', 'release_run($1, $2)', [run, 'h'])).toBe(false);
    });

    it('ask for an approval in the row of the step, and take the answer from the command', async () => {
      const approvals = (run: string) => query('select step_key, state, title, decided_by, decided_by_name, reason from approvals where test_run_id = $1', [run]);
      const wait = async () => {
        const run = await held();
        await database.asUser(claimsOf.service, async (transaction) => {
          await insertRow(transaction, 'test_execution_steps', { test_run_id: run, step_key: 'charge', status: 'held', metadata: { awaitsApproval: 'Charge the customer?' } });
        });
        return run;
      };
      const decide = async (run: string, verb: string, payload: JsonObject) => {
        const command = await database.asUser(claimsOf.admin, (transaction) =>
          insertRow(transaction, 'test_execution_commands', { test_run_id: run, verb, payload, sender_name: 'somebody else' }),
        );
        return await call<boolean>('service', 'settle_command($1, $2, $3)', [command['id'], 'h', 'accepted']);
      };

      const approved = await wait();
      expect(await approvals(approved)).toMatchObject([{ state: 'waiting', title: 'Charge the customer?' }]);
      await decide(approved, 'approve', { step: 'another step' });
      expect(await approvals(approved)).toMatchObject([{ state: 'waiting' }]);
      await decide(approved, 'approve', { step: 'charge', why: 'she asked for it' });
      expect(await approvals(approved)).toEqual([
        { step_key: 'charge', state: 'approved', title: 'Charge the customer?', decided_by: userIds.admin, decided_by_name: 'admin@example.com', reason: 'she asked for it' },
      ]);

      const rejected = await wait();
      await decide(rejected, 'reject', { why: 'too dear' });
      expect(await approvals(rejected)).toMatchObject([{ state: 'rejected', reason: 'too dear' }]);

      const cancelled = await wait();
      await query(`update test_execution_runs set status = 'cancelled' where test_run_id = $1`, [cancelled]);
      expect(await approvals(cancelled)).toMatchObject([{ state: 'withdrawn', reason: 'the run is cancelled' }]);
      expect(await query(`select count(*)::int as n from audit_log where action = 'approval.update' and details ->> 'test_run_id' = $1`, [approved])).toEqual([{ n: 1 }]);
    });
  });
}
