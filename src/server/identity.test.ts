import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createIdentify } from './identity.ts';
import { createKeys } from './keys.ts';

const keys = createKeys();
const identify = createIdentify(keys);
const sub = '0193d3a0-0000-7000-8000-000000000001';
const user = { sub, role: 'authenticated', aud: 'authenticated' };

interface Options {
  readonly secret?: string;
  readonly expires?: string | null;
  readonly alg?: string;
}

async function sign(
  claims: Record<string, unknown>,
  { secret = keys.jwtSecret, expires = '1h', alg = 'HS256' }: Options = {},
): Promise<string> {
  const token = new SignJWT(claims).setProtectedHeader({ alg }).setIssuedAt(claims['iat'] as number | undefined);
  if (expires !== null) token.setExpirationTime(expires);
  return await token.sign(new TextEncoder().encode(secret));
}

const unsigned = (claims: object): string =>
  [{ alg: 'none', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.';

describe('who somebody is', () => {
  it('is anonymous with the publishable key, in either header', async () => {
    expect(await identify({ apiKey: keys.publishableKey, bearer: keys.publishableKey })).toMatchObject({
      claims: { role: 'anon' },
      token: null,
    });
    expect(await identify({ bearer: keys.publishableKey })).toMatchObject({ claims: { role: 'anon' } });
  });

  it('is the service with the secret key, in either header', async () => {
    expect(await identify({ apiKey: keys.secretKey })).toMatchObject({ claims: { role: 'service_role' }, token: null });
    expect(await identify({ bearer: keys.secretKey })).toMatchObject({ claims: { role: 'service_role' } });
  });

  it('is the user of a token, whatever key came with it', async () => {
    const bearer = await sign(user);
    expect(await identify({ apiKey: keys.publishableKey, bearer })).toMatchObject({
      claims: { role: 'authenticated', sub },
      token: bearer,
    });
    expect(await identify({ apiKey: keys.secretKey, bearer })).toMatchObject({ claims: { role: 'authenticated', sub } });
    expect(await identify({ bearer })).toMatchObject({ claims: { role: 'authenticated', sub } });
  });

  it('is anonymous or the service with the signed keys of older projects', async () => {
    for (const role of ['anon', 'service_role'] as const) {
      const key = await sign({ role, iss: 'supabase' }, { expires: '10y' });
      expect(await identify({ apiKey: key, bearer: key })).toMatchObject({ claims: { role }, token: null });
    }
  });

  it.each([
    ['nothing', async () => ({})],
    ['an unknown key', async () => ({ apiKey: 'sb_secret_guess' })],
    ['a key with a character more', async () => ({ apiKey: `${keys.secretKey}x` })],
    ['an empty key', async () => ({ apiKey: '' })],
    ['an unknown key beside a good token', async () => ({ apiKey: 'sb_publishable_guess', bearer: await sign(user) })],
    ['nonsense beside the secret key', async () => ({ apiKey: keys.secretKey, bearer: 'garbage' })],
    ['nonsense of three parts beside the secret key', async () => ({ apiKey: keys.secretKey, bearer: 'a.b.c' })],
    ['an unknown key beside the publishable key', async () => ({ apiKey: keys.publishableKey, bearer: 'sb_secret_guess' })],
    ['a token that has expired beside the secret key', async () => ({ apiKey: keys.secretKey, bearer: await sign(user, { expires: '-1s' }) })],
    ['a token without a signature', async () => ({ apiKey: keys.publishableKey, bearer: unsigned({ ...user, exp: 4e9 }) })],
    ['a service token without a signature', async () => ({ bearer: unsigned({ role: 'service_role', exp: 4e9 }) })],
    ['a token signed with another secret', async () => ({ bearer: await sign(user, { secret: 'x'.repeat(64) }) })],
    ['a token signed with another algorithm', async () => ({ bearer: await sign(user, { alg: 'HS512' }) })],
    ['a token that has expired', async () => ({ bearer: await sign(user, { expires: '-1s' }) })],
    ['a key that has expired', async () => ({ apiKey: await sign({ role: 'service_role' }, { expires: '-1s' }) })],
    ['a token that never expires', async () => ({ bearer: await sign(user, { expires: null }) })],
    ['a token without a subject', async () => ({ bearer: await sign({ ...user, sub: undefined }) })],
    ['a token whose subject is no user', async () => ({ bearer: await sign({ ...user, sub: "' or true --" }) })],
    ['a token for another audience', async () => ({ bearer: await sign({ ...user, aud: 'other' }) })],
    ['a token with the role of the database owner', async () => ({ bearer: await sign({ ...user, role: 'postgres' }) })],
    ['a key with the role of a user', async () => ({ apiKey: await sign(user) })],
    ['a token from the future', async () => ({ bearer: await sign({ ...user, iat: Math.floor(Date.now() / 1000) + 3600 }) })],
    ['three parts of nonsense', async () => ({ bearer: 'a.b.c' })],
  ])('is nobody with %s', async (_, credentials) => {
    await expect(identify(await credentials())).rejects.toThrow(
      expect.objectContaining({ name: 'IdentityError', answer: expect.objectContaining({ status: 401 }) }),
    );
  });
});
