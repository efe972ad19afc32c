import { readFileSync } from 'node:fs';
import fc from 'fast-check';

/** One request that nobody in their senses would send. */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface Endpoint {
  readonly name: string;
  readonly requests: fc.Arbitrary<FuzzRequest>;
}

const naughty = JSON.parse(readFileSync(new URL('../../fixtures/naughty-strings/blns.json', import.meta.url), 'utf8')) as readonly string[];

/** Pieces of what the parsers behind the endpoints look for. */
const pieces = [
  'eq.',
  'not.',
  'in.(',
  'or(',
  'and(',
  ')',
  '(',
  '"',
  '\\',
  ',',
  '.',
  '::',
  '->>',
  '->',
  '*',
  '!inner',
  '...',
  'null',
  '{',
  '}',
  '[',
  ']',
  '%00',
  '../',
  '1e999',
  '-1',
  'fts(',
  'like(any).',
  'is.',
  ':',
  "'",
  ';--',
  '\u0000',
  '\ud800',
  'id',
  'message',
  'test_run_id',
  'secret',
  '🦊',
];

const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...naughty) },
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }).map((length) => 'x'.repeat(length)) },
);

/** As part of an address: sometimes encoded, sometimes only without what no HTTP client would let through. */
const inAddress = fc
  .tuple(word, fc.boolean())
  .map(([text, isEncoded]) => (isEncoded ? encodeURIComponent(text.toWellFormed()) : text.replaceAll(/[^!-~]|[?#]/g, '')));
const inHeader = word.map((text) => text.replaceAll(/[^ -~]/g, '').slice(0, 200));

const columns = ['test_run_id', 'message', 'seq', 'data', 'id', 'created_at'];
const parameter = fc
  .tuple(fc.constantFrom('select', 'order', 'limit', 'offset', 'or', 'and', 'not.or', 'on_conflict', 'columns', ...columns), inAddress)
  .map(([name, value]) => `${name}=${value}`);
const query = fc
  .array(
    fc.oneof(
      parameter,
      fc
        .tuple(fc.constantFrom(...columns), fc.constantFrom('eq', 'in', 'like', 'cs', 'is', 'fts', 'isdistinct'), inAddress)
        .map(([name, operator, value]) => `${name}=${operator}.${value}`),
      fc.tuple(inAddress, inAddress).map((pair) => pair.join('=')),
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join('&'));

/** JSON with the right names and any values, any JSON, JSON that is broken off, or bytes. */
const bodyOf = (names: readonly string[]): fc.Arbitrary<Buffer> => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    word.map((text) => text.slice(0, 500)),
  );
  const row = fc.dictionary(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: word }), value, {
    maxKeys: 6,
  });
  const text = fc.oneof(row, fc.array(row, { maxLength: 3 }), fc.jsonValue()).map((json) => JSON.stringify(json));
  return fc.oneof(
    { weight: 5, arbitrary: text.map((json) => Buffer.from(json)) },
    { weight: 1, arbitrary: fc.tuple(text, fc.nat()).map(([json, at]) => Buffer.from(json).subarray(0, at % (json.length + 1))) },
    { weight: 1, arbitrary: word.map((nonsense) => Buffer.from(nonsense)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }).map((depth) => Buffer.from('[{"a":'.repeat(depth))) },
  );
};

export interface Credentials {
  readonly publishableKey: string;
  readonly secretKey: string;
  readonly token: string;
}

/** Every endpoint of the server, under each kind of credentials, with headers that are now and then nonsense too. */
export function endpointsOf(credentials: Credentials, functions: readonly string[]): readonly Endpoint[] {
  const { publishableKey, secretKey, token } = credentials;
  const who = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ apikey: secretKey }) },
    { weight: 3, arbitrary: fc.constant({ apikey: publishableKey, authorization: `Bearer ${token}` }) },
    { weight: 1, arbitrary: fc.constant({ apikey: publishableKey }) },
    { weight: 1, arbitrary: inHeader.map((text) => ({ apikey: text, authorization: `Bearer ${text}` })) },
  );
  const odd = fc.dictionary(
    fc.constantFrom(
      'prefer',
      'accept',
      'accept-profile',
      'content-profile',
      'range',
      'content-type',
      'x-upsert',
      'cache-control',
      'x-client-info',
    ),
    inHeader,
    { maxKeys: 1 },
  );
  const common = fc
    .tuple(who, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: odd }))
    .map(([one, other]) => ({ 'content-type': 'application/json', ...one, ...other }));

  const endpoint = (name: string, methods: readonly string[], paths: fc.Arbitrary<string>, bodies?: fc.Arbitrary<Buffer>): Endpoint => ({
    name,
    requests: fc.record({ method: fc.constantFrom(...methods), path: paths, headers: common, body: bodies ?? fc.constant(undefined) }),
  });
  const withQuery = (path: string) => query.map((text) => `${path}?${text}`);
  const under = (path: string) => fc.tuple(inAddress, query).map(([rest, text]) => `${path}/${rest}${text === '' ? '' : `?${text}`}`);
  const logs = '/rest/v1/test_execution_logs';

  return [
    endpoint('rest GET', ['GET', 'HEAD'], withQuery(logs)),
    endpoint('rest any table', ['GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'OPTIONS'], under('/rest/v1')),
    endpoint('rest POST', ['POST', 'PUT'], withQuery(logs), bodyOf(columns)),
    endpoint('rest PATCH', ['PATCH'], withQuery(logs), bodyOf(columns)),
    endpoint(
      'rest DELETE',
      ['DELETE'],
      query.map((text) => `${logs}?seq=eq.-1&${text}`),
    ),
    ...functions.map((name) =>
      endpoint(
        `rpc ${name}`,
        ['POST', 'GET'],
        withQuery(`/rest/v1/rpc/${name}`),
        bodyOf(['run_id', 'batch', 'after_seq', 'max_rows', 'runner_id', 'pipeline_keys', 'holder', 'command_id', 'days', 'max_age']),
      ),
    ),
    endpoint(
      'ingest',
      ['POST'],
      fc.constant('/rest/v1/rpc/ingest'),
      fc
        .tuple(bodyOf(['run_id', 'holder_id', 'logs', 'steps', 'run', 'blobs', 'snapshots']), fc.boolean())
        .map(([body, isWrapped]) => (isWrapped ? Buffer.concat([Buffer.from('{"batch":'), body, Buffer.from('}')]) : body)),
    ),
    endpoint(
      'auth token',
      ['POST'],
      fc
        .tuple(fc.constantFrom('password', 'refresh_token', 'pkce', 'id_token', 'x'), query)
        .map(([type, text]) => `/auth/v1/token?grant_type=${type}&${text}`),
      bodyOf(['email', 'password', 'refresh_token', 'auth_code']),
    ),
    endpoint('auth signup', ['POST'], withQuery('/auth/v1/signup'), bodyOf(['email', 'password', 'data', 'phone'])),
    endpoint('auth user', ['GET', 'PUT'], withQuery('/auth/v1/user'), bodyOf(['data', 'phone', 'nonce'])),
    endpoint(
      'auth logout',
      ['POST'],
      fc.constantFrom('', '?scope=x', '?scope=others').map((text) => `/auth/v1/logout${text}`),
      bodyOf(['scope']),
    ),
    endpoint('auth others', ['GET', 'POST', 'PUT', 'DELETE'], under('/auth/v1'), bodyOf(['email', 'token', 'type'])),
    endpoint(
      'auth admin',
      ['GET', 'POST', 'PUT', 'DELETE'],
      under('/auth/v1/admin/users'),
      bodyOf(['email', 'user_metadata', 'ban_duration']),
    ),
    endpoint('storage object', ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'], under('/storage/v1/object/uploads'), bodyOf(['prefixes'])),
    endpoint(
      'storage list',
      ['POST'],
      fc.constantFrom('uploads', 'outputs', 'none').map((bucket) => `/storage/v1/object/list/${bucket}`),
      bodyOf(['prefix', 'limit', 'offset', 'sortBy', 'search']),
    ),
    endpoint('storage sign', ['GET', 'POST'], under('/storage/v1/object/sign/uploads'), bodyOf(['expiresIn', 'paths', 'transform'])),
    endpoint(
      'storage others',
      ['GET', 'POST', 'PUT', 'DELETE'],
      under('/storage/v1'),
      bodyOf(['id', 'name', 'public', 'bucketId', 'sourceKey', 'destinationKey']),
    ),
    endpoint(
      'broadcast',
      ['POST'],
      fc.oneof(fc.constant('/realtime/v1/api/broadcast'), under('/realtime/v1/api/broadcast')),
      bodyOf(['messages', 'topic', 'event', 'payload', 'private']),
    ),
    endpoint('functions', ['GET', 'POST', 'PUT', 'DELETE'], under('/functions/v1'), bodyOf(['name'])),
    endpoint('status', ['GET', 'POST', 'PUT'], withQuery('/status'), bodyOf(['x'])),
    endpoint('healthz', ['GET', 'POST'], withQuery('/healthz'), bodyOf(['x'])),
    endpoint('anywhere', ['GET', 'POST', 'DELETE'], under(''), bodyOf(['x'])),
  ];
}

/** Frames of the realtime protocol in version 2.0.0: nearly right, or not at all. */
export const frames: fc.Arbitrary<string | Buffer> = fc.oneof(
  fc
    .tuple(
      fc.oneof(fc.constantFrom('1', null), fc.jsonValue()),
      fc.oneof(fc.constantFrom('2', null), fc.jsonValue()),
      fc.oneof(fc.constantFrom('realtime:room', 'phoenix', 'realtime:'), word),
      fc.oneof(fc.constantFrom('phx_join', 'phx_leave', 'heartbeat', 'broadcast', 'presence', 'access_token', 'postgres_changes'), word),
      fc.oneof(
        fc.jsonValue(),
        fc.record({
          config: fc.oneof(
            fc.jsonValue(),
            fc.record({
              private: fc.oneof(fc.boolean(), fc.jsonValue()),
              presence: fc.jsonValue(),
              broadcast: fc.jsonValue(),
              postgres_changes: fc.array(
                fc.record({
                  event: fc.constantFrom('*', 'INSERT', 'x'),
                  schema: fc.constantFrom('public', 'auth'),
                  table: fc.constantFrom('test_execution_logs', 'x'),
                  filter: fc.oneof(
                    word,
                    fc.tuple(fc.constantFrom(...columns), word).map(([name, text]) => `${name}=eq.${text}`),
                  ),
                }),
                { maxLength: 3 },
              ),
            }),
          ),
          access_token: fc.oneof(word, fc.constant(null)),
        }),
        fc.record({
          type: fc.constantFrom('broadcast', 'presence'),
          event: fc.oneof(fc.constantFrom('track', 'untrack'), word),
          payload: fc.jsonValue(),
        }),
      ),
    )
    .map((frame) => JSON.stringify(frame)),
  word,
  fc.jsonValue().map((json) => JSON.stringify(json)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.uint8Array({ minLength: 6, maxLength: 6 }), word)
    .map(([head, text]) => Buffer.concat([Buffer.from([3]), Buffer.from(head.map((byte) => byte % 12)), Buffer.from(text)])),
);
