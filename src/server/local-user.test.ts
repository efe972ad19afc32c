import { getRounds, hash } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureLocalUser } from './local-user.ts';
import { anonClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

describe('the local user', () => {
  let backend: TestBackend;
  beforeAll(async () => {
    backend = await startTestBackend();
  }, 60_000);
  afterAll(async () => await backend.stop());

  const sql = async (text: string, values: readonly string[]): Promise<readonly Record<string, unknown>[]> =>
    await backend.database.asOwner(async (owner) => (await owner.query<Record<string, unknown>>(text, [...values])).rows);
  const storedHash = async (): Promise<string> =>
    String((await sql('select encrypted_password as hash from auth.users where id = $1', [backend.admin.id]))[0]!['hash']);
  const signsIn = async (password: string): Promise<boolean> =>
    (await anonClient(backend).auth.signInWithPassword({ email: backend.admin.email, password })).error === null;

  it('costs a sign-in little, and a start that finds everything in order neither a session nor a new hash', async () => {
    const before = await storedHash();
    expect(getRounds(before)).toBe(4);
    expect(await ensureLocalUser(backend, backend.admin)).toBe(backend.admin.id);
    expect(await storedHash()).toBe(before);
    expect(await sql('select from auth.sessions where user_id = $1', [backend.admin.id])).toEqual([]);
    expect(await signsIn(backend.admin.password)).toBe(true);
  });

  it('gets a cheap hash where an older version left a dear one', async () => {
    await sql('update auth.users set encrypted_password = $1 where id = $2', [await hash(backend.admin.password, 8), backend.admin.id]);
    expect(await ensureLocalUser(backend, backend.admin)).toBe(backend.admin.id);
    expect(getRounds(await storedHash())).toBe(4);
    expect(await signsIn(backend.admin.password)).toBe(true);
  });

  it('has the new password, and the old one no more, when the keys have changed', async () => {
    await ensureLocalUser(backend, { email: backend.admin.email, password: 'another one, just as long' });
    expect(await signsIn(backend.admin.password)).toBe(false);
    expect(await signsIn('another one, just as long')).toBe(true);
  });
});
