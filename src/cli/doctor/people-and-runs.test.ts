import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestBackend } from '../../server/testing.ts';
import type { TestBackend } from '../../server/testing.ts';
import { openClinic } from './testing.ts';
import type { Clinic } from './testing.ts';

describe('doctor, about people and runs', { timeout: 60_000 }, () => {
  let backend: TestBackend;
  let clinic: Clinic;
  beforeAll(async () => {
    backend = await startTestBackend();
    clinic = openClinic({
      STEPSCOPE_URL: backend.url,
      STEPSCOPE_KEY: backend.keys.publishableKey,
      STEPSCOPE_SECRET_KEY: backend.keys.secretKey,
    });
    actAs(backend.admin);
  }, 60_000);
  afterAll(async () => {
    clinic.close();
    await backend.stop();
  });

  const actAs = ({ email, password }: { readonly email: string; readonly password: string }): void =>
    void Object.assign(process.env, { STEPSCOPE_EMAIL: email, STEPSCOPE_PASSWORD: password });
  const sql = async (text: string) => await backend.database.asOwner(async (transaction) => await transaction.query(text));

  it('has nothing to say of a backend in order, and leaves nothing behind', async () => {
    const { status, problems, of } = await clinic.doctor();
    expect(problems).toEqual([]);
    expect(status).toBe(0);
    expect(of('delivery')).toMatchObject([{ result: 'ok', what: expect.stringMatching(/arrived .* after it was written/) }]);
    expect((await sql('select * from test_execution_runs')).rows).toEqual([]);
  });

  it('names who is not signed in, and who has no role, with the command that gives it', async () => {
    const user = await backend.addUser();
    actAs({ email: '', password: '' });
    const stranger = await clinic.doctor();
    expect(stranger.of('signed in')).toMatchObject([{ result: 'problem', command: `stepscope login --url ${backend.url}` }]);
    expect(stranger.status).toBe(1);
    expect(stranger.problems.map(({ name }) => name)).toEqual(['signed in', 'role']);

    actAs(user);
    const before = await clinic.doctor();
    expect(before.of('role')).toMatchObject([
      { result: 'problem', what: expect.stringContaining(`is_admin_user()\` is false for ${user.email}`) },
    ]);
    expect(before.of('rows seen')).toMatchObject([{ result: 'warning', command: expect.stringContaining(`--as ${user.email}`) }]);
    expect(before.problems.map(({ name }) => name)).toEqual(['role']);
    for (const name of ['runners', 'buckets', 'runs', 'triggers'])
      expect(before.of(name)).toMatchObject([{ result: 'warning', what: expect.stringMatching(/^not known: /) }]);
    await clinic.apply(before.of('role')[0], backend.database);
    expect((await clinic.doctor()).status).toBe(0);
    actAs(backend.admin);
  });

  it('compares what a person sees with what is there, and names the policy between', async () => {
    await sql(`insert into test_execution_runs (test_run_id, status) values ('hidden', 'completed')`);
    const user = await backend.addUser();
    const seen = async (flags: { readonly as?: string } = {}) => (await clinic.doctor({ ...flags, only: 'rows seen' })).of('rows seen');
    expect(await seen({ as: user.email })).toMatchObject([
      {
        result: 'problem',
        what: expect.stringMatching(/hidden from .*test_execution_runs \(none of 1\).*the policy admin_select/),
        command: expect.stringContaining('user promote'),
      },
    ]);
    expect(await seen({ as: 'anon' })).toMatchObject([{ result: 'ok', what: expect.stringContaining('has no right to select') }]);
    expect((await clinic.doctor({ as: 'nobody@example.com' })).problems).toMatchObject([
      { name: 'role', result: 'problem', command: expect.stringContaining('user add nobody@example.com --admin') },
    ]);

    await sql(`create policy office_hours on test_execution_runs as restrictive for select to authenticated using (status <> 'completed')`);
    const restricted = await seen();
    expect(restricted).toMatchObject([{ result: 'problem', what: expect.stringContaining('the restrictive policy office_hours') }]);
    await clinic.apply(restricted[0], backend.database);

    await sql('revoke select on test_execution_runs from authenticated');
    const refused = await seen();
    expect(refused).toMatchObject([{ result: 'problem', sql: 'grant select on public.test_execution_runs to authenticated;' }]);
    await clinic.apply(refused[0], backend.database);

    await sql('drop policy admin_select on test_execution_runs');
    const lost = await clinic.doctor({ only: 'policies,rows seen' });
    expect(lost.of('rows seen')).toMatchObject([{ what: expect.stringContaining('the policy admin_select is missing') }]);
    expect(lost.of('policies')).toMatchObject([
      {
        result: 'problem',
        what: 'admin_select of test_execution_runs is missing',
        sql: expect.stringContaining('create policy admin_select'),
      },
    ]);
    await clinic.apply(lost.of('policies')[0], backend.database);
    expect((await clinic.doctor()).problems).toEqual([]);
  });

  it('names test runs that were charged, and jobs and runs without their mark', async () => {
    await sql(`insert into test_execution_runs (test_run_id, status, skip_billing) values ('billed', 'completed', false);
      insert into credit_ledger (run_id, kind, amount) values ('billed', 'debit', -5);
      insert into jobs (run_id, job_type, is_test) values ('billed', 'image', false)`);
    const { of, status } = await clinic.doctor({ only: 'billing' });
    expect(of('billing').map(({ what }) => what)).toEqual([
      '1 test run without skip_billing or test_mode_enabled: billed',
      '1 test run charged: billed (5)',
      '1 job of test runs not marked is_test: billed',
    ]);
    expect(status).toBe(1);
    for (const finding of of('billing')) await clinic.apply(finding, backend.database);
    expect((await clinic.doctor({ only: 'billing' })).of('billing')).toMatchObject([{ result: 'ok' }]);
  });

  it('names what an export lacks, what it keeps, and the field that cannot be read', async () => {
    await sql(`insert into test_execution_runs (test_run_id, status) values ('odd', 'completed');
      insert into test_execution_logs (test_run_id, message, data) values
        ('odd', 'a', '{"self": {"$ref": ""}, "image": {"$truncated": 4194304, "hash": "x"}}'), ('odd', 'b', '{"ring": {"$ref": ""}}')`);
    expect((await clinic.doctor({ only: 'export' }, 'odd')).of('export')).toMatchObject([
      { result: 'warning', what: expect.stringMatching(/exports to .* without 1 value .*: \/logs\/\d+\/data\/image \(4\.0 MB\)/) },
    ]);
    await sql(`delete from test_execution_logs where test_run_id = 'odd' and message = 'a'`);
    expect((await clinic.doctor({ only: 'export' }, 'odd')).of('export')).toMatchObject([
      { result: 'ok', what: expect.stringMatching(/circular references are kept, at \/logs\/\d+\/data\/ring/) },
    ]);

    await sql(
      `alter table test_execution_logs drop constraint test_execution_logs_log_level_check; update test_execution_logs set log_level = 'loud' where test_run_id = 'odd'`,
    );
    expect((await clinic.doctor({ only: 'export' }, 'odd')).of('export')).toMatchObject([
      { result: 'problem', what: expect.stringContaining('log_level') },
    ]);
    await sql(`delete from test_execution_runs where test_run_id = 'odd'`);
  });

  it('says which part of a filter rejects every line, and what there is instead', async () => {
    await sql(`insert into test_execution_runs (test_run_id, status) values ('quiet', 'completed'), ('loud', 'completed');
      insert into test_execution_logs (test_run_id, message, log_level) values ('quiet', 'one', 'info'), ('quiet', 'two', 'debug'), ('loud', 'three', 'error')`);
    const filtered = async (filter: string) => (await clinic.doctor({ filter, only: 'filter' }, 'quiet')).of('filter')[0];
    expect(await filtered('level>=debug')).toMatchObject({ result: 'ok', what: '2 of 2 lines match' });
    expect(await filtered('"one" level>=warn')).toMatchObject({
      result: 'problem',
      what: 'level rejects all 2 lines of the run; there are info, debug',
    });
    expect(await filtered('log_level=in.(info,debug)')).toMatchObject({
      result: 'ok',
      what: '2 of 2 lines of the run match, and new ones will arrive',
    });
    expect(await filtered('message=eq.one,log_level=eq.error')).toMatchObject({
      result: 'problem',
      what: 'log_level=eq.error rejects all 2 lines of the run; there are info, debug (no run has such lines)',
    });
    expect((await filtered('log_level=eq.error'))?.what).toContain('other runs have 1 such line');
    for (const wrong of ['colour=eq.red', 'log_level=near.warn', 'level>=laud'])
      await expect(filtered(wrong)).rejects.toMatchObject({ code: 'usage' });
    await expect(clinic.doctor({ only: 'export' }, 'nosuchrun')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('does not take what matches or arrives for what another person sees', async () => {
    const bob = await backend.addUser();
    const { of } = await clinic.doctor({ as: bob.email, filter: 'level>=debug', only: 'filter,delivery,live tables' }, 'quiet');
    expect(of('filter')).toMatchObject([{ result: 'problem', what: `2 of 2 lines match, of which ${bob.email} sees none` }]);
    expect(of('delivery')).toMatchObject([{ result: 'warning', what: expect.stringContaining(`not to ${bob.email}`) }]);
    expect(of('live tables')).toMatchObject([{ result: 'warning', what: expect.stringContaining('test_execution_logs') }]);
    const ada = await clinic.doctor({ as: backend.admin.email, filter: 'log_level=in.(info,debug)', only: 'filter,delivery' }, 'quiet');
    expect(ada.findings.map(({ result }) => result)).toEqual(['ok', 'ok']);
  });
});
