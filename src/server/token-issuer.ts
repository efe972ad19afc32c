import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWSHeaderParameters, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import { UserError } from '../protocol/error.ts';

/** Somebody else whose tokens are good here, such as a hosted project: known by the public keys it publishes. */
export interface TokenIssuer {
  /** The claims of a token it signed. Throws jose's errors for any other, `UserError` `unavailable` when its keys cannot be read now. */
  verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload>;
  /** Its public keys, for clients that check tokens themselves. */
  publicKeys(): Promise<JSONWebKeySet>;
}

/** How long keys are used without asking for them again. */
const freshMs = 10 * 60_000;
/** How long they are used while their issuer does not answer: a key that was withdrawn must end some time. */
const staleMs = 60 * 60_000;
/** Tokens with a key nobody knows, or an issuer that does not answer, cause one request in this time. */
const cooldownMs = 30_000;
const fetchTimeoutMs = 5_000;
const maxBytes = 256 * 1024;
const algorithms = ['ES256', 'RS256'];

/** Public keys only: a secret one here is a mistake, and a symmetric one would let whoever can read the set sign. */
const KeySet = z.object({
  keys: z
    .array(z.looseObject({ kty: z.enum(['EC', 'RSA', 'OKP']) }).refine((key) => !('d' in key) && !('k' in key), 'a secret key'))
    .min(1)
    .max(64),
});

export interface TokenIssuerOptions {
  /** A JWKS: an https address (http on this machine), or the path of a file, which is read once. */
  readonly jwks: string;
  /** What `iss` must be. Without it, what precedes `/.well-known/jwks.json` in the address; with a file, anything. */
  readonly issuer?: string | undefined;
  readonly now?: () => number;
}

/** Reads the keys at the first token, a file at once. Throws `UserError` `usage` for an address or a file that cannot be keys. */
export async function openTokenIssuer({ jwks, issuer, now = Date.now }: TokenIssuerOptions): Promise<TokenIssuer> {
  const isUrl = /^[a-z]+:\/\//i.test(jwks);
  const read = isUrl ? reader(addressOf(jwks)) : fixed(await readKeyFile(jwks));
  const prefix = isUrl ? /^(.+)\/\.well-known\/jwks\.json$/.exec(jwks)?.[1] : undefined;
  const accepted = issuer !== undefined ? [issuer] : prefix !== undefined ? [prefix, `${prefix}/`] : undefined;
  const keys = rememberKeys(read, now);
  return {
    async verify(token, options) {
      const find = async (header: JWSHeaderParameters, input: never) => await keys.find(header, input);
      const { payload } = await jwtVerify(token, find as never, { ...options, algorithms, ...(accepted !== undefined && { issuer: accepted }) });
      return payload;
    },
    publicKeys: async () => await keys.all(),
  };
}

type LocalKeys = ReturnType<typeof createLocalJWKSet>;

function rememberKeys(read: () => Promise<JSONWebKeySet>, now: () => number) {
  let known: { readonly set: JSONWebKeySet; readonly find: LocalKeys; readonly readAt: number } | undefined;
  let askedAt = -Infinity;
  let asking: Promise<void> | undefined;

  /** Everybody who waits shares one request. */
  async function ask(): Promise<void> {
    if (asking === undefined && now() - askedAt < cooldownMs) return;
    askedAt = asking === undefined ? now() : askedAt;
    asking ??= read()
      .then((set) => void (known = { set, find: createLocalJWKSet(set), readAt: now() }))
      // Told below by what is known then.
      .catch(() => {})
      .finally(() => (asking = undefined));
    await asking;
  }

  async function current(): Promise<NonNullable<typeof known>> {
    if (known === undefined || now() - known.readAt > freshMs) await ask();
    if (known === undefined || now() - known.readAt > staleMs) {
      throw new UserError('unavailable', 'the keys by which tokens are checked cannot be read now', { hint: 'Look at the address given with --jwks' });
    }
    return known;
  }

  return {
    all: async () => (await current()).set,
    find: async (header: JWSHeaderParameters, input: never) => {
      const keys = await current();
      try {
        return await keys.find(header, input);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        // A key that is new since we asked.
        await ask();
        return await (await current()).find(header, input);
      }
    },
  };
}

function addressOf(jwks: string): URL {
  const url = URL.canParse(jwks) ? new URL(jwks) : undefined;
  const isLocal = url?.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url !== undefined && isLocal)) return url;
  throw new UserError('usage', `${jwks} cannot be the address of a JWKS`, { hint: 'It begins with https://, for whoever can alter the keys on their way can sign in as anybody' });
}

function reader(url: URL): () => Promise<JSONWebKeySet> {
  return async () => {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(fetchTimeoutMs), headers: { accept: 'application/json' } });
    if (!response.ok || response.body === null) throw new Error(`${url.href} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Error(`${url.href} is longer than keys are`);
      chunks.push(chunk);
    }
    return KeySet.parse(JSON.parse(Buffer.concat(chunks).toString('utf8'))) as JSONWebKeySet;
  };
}

const fixed = (set: JSONWebKeySet) => async (): Promise<JSONWebKeySet> => set;

async function readKeyFile(path: string): Promise<JSONWebKeySet> {
  try {
    return KeySet.parse(JSON.parse(await readFile(path, 'utf8'))) as JSONWebKeySet;
  } catch (error) {
    throw new UserError('usage', `${path} is no JWKS of public keys`, { hint: 'A JSON file {"keys":[…]} with EC or RSA keys, without their secret halves', cause: error });
  }
}
