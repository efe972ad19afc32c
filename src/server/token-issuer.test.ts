import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIdentify, type Identify } from './identity.ts';
import { createKeys } from './keys.ts';
import { openTokenIssuer } from './token-issuer.ts';

const ours = createKeys();
const sub = '0193d3a0-0000-7000-8000-000000000001';
const user = { sub, role: 'authenticated', aud: 'authenticated' };

let server: Server;
let address: string;
/** What the issuer answers, and how often it was asked. */
let published: object[] = [];
let isDown = false;
let asked = 0;
let now = 0;
let pair: { privateKey: CryptoKey; publicKey: CryptoKey };
let rsa: { privateKey: CryptoKey; publicKey: CryptoKey };
let other: { privateKey: CryptoKey; publicKey: CryptoKey };

const publicJwk = async (key: CryptoKey, kid: string, alg = 'ES256'): Promise<object> => ({ ...(await exportJWK(key)), kid, alg });

beforeAll(async () => {
  [pair, other, rsa] = await Promise.all([generateKeyPair('ES256', { extractable: true }), generateKeyPair('ES256'), generateKeyPair('RS256')]);
  server = createServer((_, response) => {
    asked += 1;
    response.statusCode = isDown ? 500 : 200;
    response.end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/auth/v1/.well-known/jwks.json`;
});
afterAll(() => server.close());

let identify: Identify;
beforeEach(async () => {
  published = [await publicJwk(pair.publicKey, 'a'), await publicJwk(rsa.publicKey, 'r', 'RS256')];
  [isDown, asked, now] = [false, 0, 1_000_000];
  identify = createIdentify(ours, await openTokenIssuer({ jwks: address, now: () => now }));
});

interface SignOptions {
  readonly key?: CryptoKey | Uint8Array;
  readonly header?: object;
  readonly expires?: string | null;
}

async function sign(claims: Record<string, unknown>, { key = pair.privateKey, header = {}, expires = '1h' }: SignOptions = {}): Promise<string> {
  const token = new SignJWT({ iss: address.replace('/.well-known/jwks.json', ''), ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'a', ...header });
  token.setIssuedAt();
  if (expires !== null) token.setExpirationTime(expires);
  return await token.sign(key);
}

describe('a token of another issuer', () => {
  it('says who somebody is, and is signed anew with our secret for what is behind us', async () => {
    const bearer = await sign({ ...user, session_id: 'theirs' });
    const identity = await identify({ apiKey: ours.publishableKey, bearer });
    expect(identity).toMatchObject({ claims: { role: 'authenticated', sub, session_id: 'theirs' }, expiresAtMs: expect.any(Number) });
    expect(identity.token).not.toBe(bearer);
    expect(await createIdentify(ours)({ bearer: identity.token! })).toMatchObject({ claims: { sub } });
    expect(await identify({ bearer: await sign(user, { key: rsa.privateKey, header: { alg: 'RS256', kid: 'r' } }) })).toMatchObject({ claims: { sub } });
  });

  const now_s = Math.floor(Date.now() / 1000);
  const swap = (token: string, part: number, change: (json: Record<string, unknown>) => object): string =>
    token.split('.').map((text, at) => (at === part ? Buffer.from(JSON.stringify(change(JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>))).toString('base64url') : text)).join('.');

  it.each<[string, () => Promise<string>]>([
    ['is signed by nobody', async () => `${swap(await sign(user), 0, () => ({ alg: 'none' })).split('.').slice(0, 2).join('.')}.`],
    ['calls itself signed by nobody and keeps a signature', async () => swap(await sign(user), 0, () => ({ alg: 'none', kid: 'a' }))],
    ['is signed with the public key as if it were a secret', async () => await sign(user, { key: new TextEncoder().encode(await exportSPKI(pair.publicKey)), header: { alg: 'HS256' } })],
    ['is signed with the published JSON of the key as a secret', async () => await sign(user, { key: new TextEncoder().encode(JSON.stringify(published[0])), header: { alg: 'HS256' } })],
    ['is signed by another', async () => await sign(user, { key: other.privateKey })],
    ['brings its own key', async () => await sign(user, { key: other.privateKey, header: { jwk: await exportJWK(other.publicKey) } })],
    ['says where its key is', async () => await sign(user, { key: other.privateKey, header: { jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/' } })],
    ['names a key that is none', async () => await sign(user, { header: { kid: '../../etc/passwd' } })],
    ['names a key by SQL', async () => await sign(user, { header: { kid: "a' or '1'='1" } })],
    ['names the key of another algorithm', async () => await sign(user, { header: { kid: 'r' } })],
    ['was altered', async () => swap(await sign(user), 1, (claims) => ({ ...claims, sub: sub.replace('1', '2') }))],
    ['asks for an extension that we do not know', async () => await sign(user, { header: { crit: ['b64'], b64: false } }).catch(() => 'a.b.c')],
    ['is for another audience', async () => await sign({ ...user, aud: 'other' })],
    ['is of another issuer', async () => await sign({ ...user, iss: 'https://evil.example' })],
    ['has expired', async () => await sign(user, { expires: '-1s' })],
    ['never expires', async () => await sign(user, { expires: null })],
    ['is not good yet', async () => await sign({ ...user, nbf: now_s + 3600 })],
    ['has no subject', async () => await sign({ ...user, sub: undefined })],
    ['has a subject that is no user', async () => await sign({ ...user, sub: 'service_role' })],
    ['is the service, it says', async () => await sign({ ...user, role: 'service_role' })],
    ['is anonymous, it says', async () => await sign({ ...user, role: 'anon' })],
    ['owns the database, it says', async () => await sign({ ...user, role: 'postgres' })],
    ['has no role', async () => await sign({ ...user, role: undefined })],
  ])('is refused when it %s', async (_, token) => {
    await expect(identify({ apiKey: ours.publishableKey, bearer: await token() })).rejects.toThrow(
      expect.objectContaining({ name: 'IdentityError', answer: expect.objectContaining({ status: 401, code: expect.stringMatching(/^PGRST30[13]$/) }) }),
    );
  });

  it('is no key', async () => {
    await expect(identify({ apiKey: await sign({ role: 'service_role' }) })).rejects.toThrow('No suitable key');
  });
});

describe('the keys of an issuer', () => {
  const fresh = async (): Promise<string> => await sign(user, { key: other.privateKey, header: { kid: 'b' } });

  it('are asked for once, whoever waits, and again for a key that is new, though not more often than every 30 seconds', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, async () => await sign(user)));
    await Promise.all(tokens.map(async (bearer) => await identify({ bearer })));
    expect(asked).toBe(1);

    published = [await publicJwk(other.publicKey, 'b')];
    await expect(identify({ bearer: await fresh() })).rejects.toThrow('No suitable key');
    expect(asked).toBe(1);
    now += 31_000;
    expect(await identify({ bearer: await fresh() })).toMatchObject({ claims: { sub } });
    for (let at = 0; at < 10; at += 1) await expect(identify({ bearer: await sign(user, { header: { kid: `no ${at}` } }) })).rejects.toThrow('No suitable key');
    expect(asked).toBe(2);
  });

  it('that were withdrawn are good for ten minutes at most, and for an hour while their issuer does not answer', async () => {
    const bearer = await sign(user, { expires: '1d' });
    await identify({ bearer });
    isDown = true;
    now += 11 * 60_000;
    expect(await identify({ bearer })).toMatchObject({ claims: { sub } });
    now += 60 * 60_000;
    await expect(identify({ bearer })).rejects.toThrow(expect.objectContaining({ code: 'unavailable' }));
    isDown = false;
    published = [await publicJwk(other.publicKey, 'b')];
    now += 31_000;
    await expect(identify({ bearer })).rejects.toThrow('No suitable key');
  });

  it('are not asked for by every request while their issuer does not answer', async () => {
    isDown = true;
    for (let at = 0; at < 10; at += 1) await expect(identify({ bearer: await sign(user) })).rejects.toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(asked).toBe(1);
    expect(await identify({ apiKey: ours.publishableKey })).toMatchObject({ claims: { role: 'anon' } });
  });

  it('come from a file too, which must hold public ones', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stepscope-jwks-'));
    const file = async (keys: object[]): Promise<string> => {
      const path = join(directory, 'jwks.json');
      await writeFile(path, JSON.stringify({ keys }));
      return path;
    };
    const issuer = await openTokenIssuer({ jwks: await file(published), issuer: 'https://them.example' });
    const one = createIdentify(ours, issuer);
    expect(await one({ bearer: await sign({ ...user, iss: 'https://them.example' }) })).toMatchObject({ claims: { sub } });
    await expect(one({ bearer: await sign({ ...user, iss: 'https://us.example' }) })).rejects.toThrow('iss');
    expect(await issuer.publicKeys()).toEqual({ keys: published });

    const secrets = [await exportJWK(pair.privateKey), { kty: 'oct', k: 'c2VjcmV0' }];
    for (const secret of secrets) await expect(openTokenIssuer({ jwks: await file([secret]) })).rejects.toThrow('no JWKS of public keys');
    for (const jwks of [join(directory, 'none.json'), 'http://project.example/jwks.json', 'ftp://x/y']) {
      await expect(openTokenIssuer({ jwks })).rejects.toThrow(expect.objectContaining({ code: 'usage' }));
    }
    await rm(directory, { recursive: true });
  });
});
