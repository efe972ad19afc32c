import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AuditRow } from '../protocol/account-rows.ts';
import { AuditVerdict } from '../protocol/account-rows.ts';
import { reasonHeader, refusalsAMinute } from './audit.ts';
import { adminClient, anonClient, serviceClient, userClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

// What the database does of it is tested on both engines by its contract.
describe('the audit log of a server', () => {
  let backend: TestBackend;
  beforeAll(async () => {
    backend = await startTestBackend();
  }, 60_000);
  afterAll(async () => await backend.stop());

  const rowsOf = async (action: string): Promise<AuditRow[]> => {
    const { data } = await serviceClient(backend).from('audit_log').select().eq('action', action).order('id').throwOnError();
    return data as AuditRow[];
  };
  const newest = async (action: string, count = 1): Promise<AuditRow> =>
    await vi.waitFor(async () => {
      const rows = await rowsOf(action);
      expect(rows.length).toBeGreaterThanOrEqual(count);
      return rows.at(-1)!;
    });

  it('tells of signing in, out, and of failing to, without the password', async () => {
    const canary = `canary-${randomUUID()}`;
    const user = await backend.addUser();
    const client = anonClient(backend);
    await client.auth.signInWithPassword({ ...user, password: canary });
    const failed = await newest('user.sign_in_refused');
    expect(failed).toMatchObject({ actor: null, actor_name: user.email, actor_role: 'anon', address: '127.0.0.1' });
    expect(failed.details).toMatchObject({ grant: 'password', status: 400, code: 'invalid_credentials' });

    await client.auth.signInWithPassword(user);
    expect(await newest('user.sign_in')).toMatchObject({ actor: user.id, actor_name: user.email, target_id: user.id });
    await client.auth.signOut();
    expect(await newest('user.sign_out')).toMatchObject({ actor: user.id, details: { scope: 'global' } });

    // In the wrong field, as it happens to people.
    await anonClient(backend).auth.signInWithPassword({ email: canary, password: user.password });
    expect(await newest('user.sign_in_refused', 2)).toMatchObject({ actor_name: null });
    const { data } = await serviceClient(backend).from('audit_log').select();
    for (const secret of [canary, user.password, backend.keys.secretKey]) expect(JSON.stringify(data)).not.toContain(secret);
  });

  it('tells of users who are made and removed', async () => {
    const { admin } = serviceClient(backend).auth;
    const email = `${randomUUID()}@example.com`;
    const { data } = await admin.createUser({ email, password: randomUUID() });
    await admin.deleteUser(data.user!.id);
    const made = { actor_role: 'service_role', target_id: data.user!.id, details: { name: email } };
    expect(await newest('user.insert')).toMatchObject(made);
    expect(await newest('user.delete')).toMatchObject(made);
  });

  it('tells where an order came from and why, with secrets masked', async () => {
    const admin = await adminClient(backend);
    const [{ test_run_id: run }] = (await admin.from('test_execution_runs').insert({ pipeline_key: 'p' }).select().throwOnError()).data as [
      { test_run_id: string },
    ];
    await admin
      .from('test_execution_commands')
      .insert({ test_run_id: run, verb: 'cancel' })
      .setHeader(reasonHeader, 'wrong prompt, key sk-abcdefghijklmnopqrstuvwxyz012345')
      .throwOnError();
    const row = await newest('command.insert');
    expect(row).toMatchObject({ actor: backend.admin.id, actor_name: backend.admin.email, address: '127.0.0.1' });
    expect(row.reason).toContain('wrong prompt');
    expect(row.reason).not.toContain('abcdefghijklmnop');
  });

  it('tells of those who are turned away', async () => {
    const user = await userClient(backend);
    const { data } = await user.auth.getUser();
    await user.from('user_roles').insert({ user_id: data.user!.id, role: 'admin' });
    expect(await newest('request.refused')).toMatchObject({
      actor: data.user!.id,
      actor_role: 'authenticated',
      target_table: 'user_roles',
      address: '127.0.0.1',
      details: { method: 'POST', path: '/rest/v1/user_roles', status: 403, code: '42501' },
      reason: expect.stringContaining('row-level security'),
    });
    const before = (await rowsOf('request.refused')).length;
    await fetch(`${backend.url}/rest/v1/models?apikey=no-such-key`);
    const row = await newest('request.refused', before + 1);
    expect(row).toMatchObject({ actor: null, actor_role: 'nobody', details: { path: '/rest/v1/models', status: 401 } });
    expect(JSON.stringify(row)).not.toContain('no-such-key');
  });

  it('tells of those who are turned away from a topic, and from the socket', async () => {
    const user = await userClient(backend);
    const { data } = await user.auth.getUser();
    const before = (await rowsOf('request.refused')).length;
    user.channel('run:1', { config: { private: true } }).subscribe();
    expect(await newest('request.refused', before + 1)).toMatchObject({
      actor: data.user!.id,
      target_table: 'realtime',
      address: '127.0.0.1',
      details: { path: '/realtime/v1/websocket', topic: 'realtime:run:1', status: 403 },
      reason: expect.stringContaining('do not have permissions'),
    });
    await user.removeAllChannels();
    await user.realtime.disconnect();

    const socket = new WebSocket(`${backend.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=no-such-key`);
    socket.addEventListener('error', () => {});
    const row = await newest('request.refused', before + 2);
    expect(row).toMatchObject({ actor: null, actor_role: 'nobody', target_table: 'realtime', details: { status: 401 } });
    expect(JSON.stringify(row)).not.toContain('no-such-key');
  });

  it('writes no more than there is room for when somebody tries for long, and counts the rest', async () => {
    const attempts = 3 * refusalsAMinute.address;
    for (let i = 0; i < attempts; i += 1) await fetch(`${backend.url}/rest/v1/models`);
    await backend.restart();
    const more = await rowsOf('request.refused_more');
    expect(more).toHaveLength(1);
    // The minute may turn while we try.
    const written = (await rowsOf('request.refused')).filter(({ details }) => details['path'] === '/rest/v1/models');
    expect(written.length).toBeLessThanOrEqual(2 * refusalsAMinute.path + 1);
    expect(written.length + (more[0]!.details['count'] as number)).toBe(attempts + 1);
  });

  it('may take longer to check than other requests take, as a long one does', async () => {
    const slow = await startTestBackend({ engine: 'postgres' });
    await slow.database.asOwner((transaction) =>
      transaction.query(`alter function public.verify_audit_log() rename to verify_at_once;
        create function public.verify_audit_log() returns jsonb language sql as 'select pg_sleep(5.5); select public.verify_at_once()';
        grant execute on function public.verify_audit_log() to service_role`),
    );
    const { data } = await serviceClient(slow).rpc('verify_audit_log').throwOnError();
    expect(AuditVerdict.parse(data)).toMatchObject({ ok: true });
    await slow.stop();
  }, 30_000);

  it('has a chain that holds after all of it', async () => {
    const { data } = await serviceClient(backend).rpc('verify_audit_log').throwOnError();
    expect(AuditVerdict.parse(data)).toMatchObject({ ok: true });
  });
});
