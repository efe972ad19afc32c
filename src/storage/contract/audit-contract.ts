import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../protocol/json.ts';
import { AuditVerdict } from '../../protocol/account-rows.ts';
import { tables } from '../../protocol/rows.ts';
import type { AuditRow } from '../../protocol/account-rows.ts';
import type { Claims, Database, Transaction } from '../database.ts';
import { actors, callFunction, claimsOf, insertRow, makeAdmin, newRun, userIds } from './actors.ts';

/** The audit log: what is written into it, that nothing is taken out, and that it shows when something was. */
export function auditContract(open: () => Database): void {
  describe('the audit log', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });

    const asUser = (claims: Claims, work: (transaction: Transaction) => Promise<unknown>) => database.asUser(claims, work);
    const verify = async (): Promise<AuditVerdict> =>
      AuditVerdict.parse(await callFunction(database, claimsOf.admin, 'verify_audit_log()'));
    const written = async (id: string): Promise<AuditRow[]> => {
      const { rows } = await database.asOwner((transaction) =>
        transaction.query(`select * from audit_log where target_id = $1 or details ->> 'test_run_id' = $1 order by id`, [id]),
      );
      return rows.map((row) => tables.audit_log.parse(row));
    };

    it('tells who did what, when, why and from where', async () => {
      const id = `audited-${randomUUID()}`;
      const claims = { ...claimsOf.admin, stepscope_address: '192.0.2.7', stepscope_reason: 'the demo hangs' };
      await asUser(claims, (transaction) => insertRow(transaction, 'test_execution_runs', { test_run_id: id, pipeline_key: 'p' }));
      const [row] = await written(id);
      expect(row).toMatchObject({
        action: 'run.insert',
        actor: userIds.admin,
        actor_role: 'authenticated',
        actor_name: 'admin@example.com',
        reason: 'the demo hangs',
        address: '192.0.2.7',
        details: { pipeline_key: 'p' },
      });
      expect(Math.abs(Date.now() - Date.parse(row!.at))).toBeLessThan(60_000);
    });

    it('follows a command from the order to its end, with the reason it was refused for', async () => {
      const id = await newRun(database, { holder_id: 'h', status: 'running' });
      const command = await database.asUser(claimsOf.admin, (transaction) =>
        insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'pause', payload: { reason: 'look at the prompt' } }),
      );
      await callFunction(database, claimsOf.service, `settle_command($1, 'h', 'accepted')`, [command['id']]);
      await callFunction(database, claimsOf.service, `settle_command($1, 'h', 'refused', 'too late')`, [command['id']]);
      const rows = (await written(id)).filter(({ target_table: table }) => table === 'test_execution_commands');
      expect(rows.map(({ action, actor_role: role, details, reason }) => [action, role, details['state'], reason])).toEqual([
        ['command.insert', 'authenticated', 'pending', 'look at the prompt'],
        ['command.update', 'service_role', 'accepted', null],
        ['command.update', 'service_role', 'refused', 'too late'],
      ]);
    });

    it('keeps of a large value the size and the hash', async () => {
      const id = await newRun(database, { holder_id: 'h', status: 'running' });
      const payload = { step: 'a', patch: [{ op: 'replace', path: '/prompt', value: 'x'.repeat(10_000) }] };
      await asUser(claimsOf.admin, (transaction) =>
        insertRow(transaction, 'test_execution_commands', { test_run_id: id, verb: 'edit', payload }),
      );
      expect((await written(id)).at(-1)!.details['payload']).toEqual({
        bytes: expect.any(Number),
        sha256: expect.stringMatching(/^[\da-f]{64}$/),
      });
    });

    it('records an export for those who may read the run, and for nobody else', async () => {
      const id = await newRun(database);
      for (const actor of ['anon', 'user', 'other'] as const) {
        await expect(callFunction(database, claimsOf[actor], 'record_export($1)', [id])).rejects.toMatchObject({ code: '42501' });
      }
      await callFunction(database, claimsOf.admin, 'record_export($1, $2)', [id, 'for the ticket']);
      await expect(callFunction(database, claimsOf.admin, `record_export('no such run')`)).rejects.toMatchObject({ code: 'PT404' });
      const exports = (await written(id)).filter(({ action }) => action === 'run.export');
      expect(exports.map(({ actor, reason }) => [actor, reason])).toEqual([[userIds.admin, 'for the ticket']]);
    });

    it('lets the service write rows, but not choose their number, their time or their place in the chain', async () => {
      const forged = { id: 1, at: '2001-01-01T00:00:00Z', prev_hash: '0', hash: '0' };
      const row = { actor_role: 'anon', action: 'function.call', target_table: 'functions', ...forged };
      const stored = await database.asUser(claimsOf.service, (transaction) => insertRow(transaction, 'audit_log', row));
      for (const [name, value] of Object.entries(forged)) expect(stored[name]).not.toEqual(value);
      expect(await verify()).toMatchObject({ ok: true });
    });

    it.each(['update audit_log set action = action', 'delete from audit_log', 'truncate audit_log'])(
      'takes nothing back, for no role and not for the owner: %s',
      async (statement) => {
        const count = async (): Promise<Json> =>
          (await database.asOwner((transaction) => transaction.query('select count(*)::int as n from audit_log'))).rows[0]!['n']!;
        const before = await count();
        for (const actor of actors) {
          await expect(asUser(claimsOf[actor], (transaction) => transaction.query(statement))).rejects.toMatchObject({ code: '42501' });
        }
        await expect(database.asOwner((transaction) => transaction.query(statement))).rejects.toMatchObject({ code: '42501' });
        expect(await count()).toBe(before);
      },
    );

    it('chains rows of many writers at once into one line, without gaps in the new numbers', async () => {
      const last = async (): Promise<number> =>
        Number((await database.asOwner((transaction) => transaction.query('select max(id) as id from audit_log'))).rows[0]!['id']);
      const before = await last();
      const failing = asUser(claimsOf.service, async (transaction) => {
        await insertRow(transaction, 'test_execution_runs', { notes: 'one of many' });
        throw new Error('on purpose');
      });
      await Promise.allSettled([
        failing,
        ...Array.from({ length: 40 }, () =>
          asUser(claimsOf.service, async (transaction) => {
            for (let i = 0; i < 5; i += 1) await insertRow(transaction, 'test_execution_runs', { notes: 'one of many' });
          }),
        ),
      ]);
      expect(await last()).toBe(before + 200);
      expect(await verify()).toMatchObject({ ok: true });
    });

    it('takes its lock last, so that two who lock the same runs in turn do not lock each other out', async () => {
      const [one, two] = [await newRun(database), await newRun(database)];
      const mark = (transaction: Transaction, id: string) =>
        transaction.query('update test_execution_runs set notes = $2 where test_run_id = $1', [id, randomUUID()]);
      // One connection: nobody waits for anybody.
      if (database.engine === 'pglite') return;
      const [firstHasOne, secondHasTwo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = asUser(claimsOf.admin, async (transaction) => {
        await mark(transaction, one);
        firstHasOne.resolve();
        await secondHasTwo.promise;
        await mark(transaction, two);
      });
      await firstHasOne.promise;
      const second = asUser(claimsOf.admin, async (transaction) => {
        await mark(transaction, two);
        secondHasTwo.resolve();
      });
      await expect(Promise.all([first, second])).resolves.toBeDefined();
    });

    describe('after somebody had a hand in the database', () => {
      /** Does what only the owner can, past the guards, looks what the check says, and takes it back. */
      async function afterTampering(statements: readonly string[]): Promise<AuditVerdict> {
        return await database.asOwner(async (transaction) => {
          await transaction.query('savepoint tampering');
          await transaction.query('alter table audit_log disable trigger user');
          for (const statement of statements) await transaction.query(statement);
          const { rows } = await transaction.query<{ verdict: Json }>('select verify_audit_log() as verdict');
          await transaction.query('rollback to savepoint tampering');
          return AuditVerdict.parse(rows[0]!.verdict);
        });
      }
      const second = '(select id from audit_log order by id offset 1 limit 1)';
      const third = '(select id from audit_log order by id offset 2 limit 1)';
      const idOf = async (expression: string): Promise<number> =>
        Number((await database.asOwner((transaction) => transaction.query(`select ${expression} as id`))).rows[0]!['id']);

      it.each([
        ['another actor', `actor_role = 'nobody'`],
        ['another detail', `details = details || '{"x":1}'`],
        ['another time', `at = at + interval '1 microsecond'`],
        ['a reason that was not given', `reason = 'because'`],
      ])('finds %s in a row', async (_, change) => {
        const verdict = await afterTampering([`update audit_log set ${change} where id = ${second}`]);
        expect(verdict).toMatchObject({ ok: false, first_broken_id: await idOf(second), reason: 'this row was changed' });
      });

      it('finds a row that was changed and given a hash that fits', async () => {
        const verdict = await afterTampering([
          `update audit_log set actor_role = 'nobody' where id = ${second}`,
          `update audit_log a set hash = stepscope.audit_hash(a) where id = ${second}`,
        ]);
        expect(verdict).toMatchObject({ ok: false, first_broken_id: await idOf(third) });
      });

      it('finds a row that is missing in the middle', async () => {
        const verdict = await afterTampering([`delete from audit_log where id = ${second}`]);
        expect(verdict).toMatchObject({ ok: false, first_broken_id: await idOf(third) });
      });

      it('finds the end cut off, also when rows were written since', async () => {
        const last = await idOf('(select max(id) from audit_log)');
        const cut = `delete from audit_log where id = ${last}`;
        const verdict = { ok: false, first_broken_id: last, reason: 'rows were removed from the end' };
        expect(await afterTampering([cut])).toMatchObject(verdict);
        const later = `insert into audit_log (actor_role, action, target_table) values ('x', 'x', 'x')`;
        expect(await afterTampering([cut, 'alter table audit_log enable trigger user', later])).toMatchObject({
          ok: false,
          first_broken_id: last + 1,
        });
      });

      it('finds all of it gone, and the head', async () => {
        expect(await afterTampering(['delete from audit_log'])).toMatchObject({ ok: false, first_broken_id: 1, rows: 0 });
        expect(await afterTampering(['delete from stepscope.audit_head'])).toMatchObject({
          ok: false,
          reason: 'the head of the chain is gone',
        });
      });
    });
  });
}
