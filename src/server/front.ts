import type { Claims, Database } from '../storage/database.ts';
import { addressProblem } from './address-guard.ts';
import { adminUsersPath, answerAdminUsers } from './admin-users.ts';
import { authBodyProblem } from './auth-body.ts';
import { endOtherSessions, isSignIn, refusedAuth } from './auth.ts';
import { notingFailures } from './database-failures.ts';
import type { DatabaseMonitor } from './database-monitor.ts';
import { functionsPath, type Functions } from './functions/answer-functions.ts';
import { IdentityError, type Credentials, type Identify } from './identity.ts';
import { answerIngest } from './ingest.ts';
import type { BackendKeys } from './keys.ts';
import type { KnownUsers } from './known-users.ts';
import { reportBug } from './bug-report.ts';
import { createAttemptCounter, createRoom, maxSignInsPerMinute } from './overload.ts';
import { answerBroadcast } from './realtime/broadcast-endpoint.ts';
import type { Hub } from './realtime/hub.ts';
import { BodyError, bodyLimit, expectedBytes, readBody } from './request-body.ts';
import { describeFailure, errorResponse, internalError } from './rest-error.ts';
import { answerStorage } from './storage/answer-storage.ts';
import { isStreamedUpload, type StorageServices } from './storage/upload.ts';
import type { SupabaseLite } from './supabase-lite.ts';
import { typedAnswer } from './typed-answer.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** What the front hands requests on to. */
export interface FrontOptions {
  readonly database: Database;
  readonly monitor: DatabaseMonitor;
  readonly keys: BackendKeys;
  readonly identify: Identify;
  readonly users: Pick<KnownUsers, 'forget'>;
  /** Who else signs users in. */
  readonly issuer?: TokenIssuer | undefined;
  readonly lite: SupabaseLite;
  readonly hub: Hub;
  readonly storage: StorageServices;
  readonly functions: Functions;
  readonly boundHost: string;
  /** Counts for all servers together; see `Fanout.count`. */
  readonly countForAll: (key: string, lifetimeS: number) => Promise<number | undefined>;
  /** What `/status` tells of this server. */
  readonly describe: () => Readonly<Record<string, unknown>>;
}

export type Front = (request: Request, remoteAddress: string) => Promise<Response>;

/**
 * Everything that comes by HTTP enters here: addresses, sizes and credentials are checked once, before
 * anything behind sees the request. No answer is without PostgREST's error shape.
 */
export function createFront(options: FrontOptions): Front {
  const signIns = createAttemptCounter(maxSignInsPerMinute, options.countForAll);
  const room = createRoom();

  async function answer(request: Request, remoteAddress: string): Promise<Response> {
    const url = new URL(request.url);
    const headers = { host: request.headers.get('host') ?? undefined, origin: request.headers.get('origin') ?? undefined };
    const problem = addressProblem(options.boundHost, headers);
    if (problem !== undefined) return errorResponse({ status: 403, code: 'forbidden', message: problem });
    if (request.method === 'OPTIONS') return preflight(request);
    if (!methodsOf(url.pathname).includes(request.method))
      return errorResponse({ status: 405, code: 'PGRST117', message: `Unsupported HTTP method: ${request.method}` });
    if (url.pathname === '/healthz') return answerHealth(options.monitor);
    const leave = room.take(isStreamedUpload(request, url.pathname) ? 0 : expectedBytes(request, bodyLimit(url.pathname)));
    if (leave === undefined)
      return hangingUp(errorResponse({ status: 503, code: 'unavailable', message: 'the server has more requests than it can work on' }, 1));

    try {
      return await route(request, url, remoteAddress);
    } catch (error) {
      if (error instanceof BodyError) return hangingUp(errorResponse(error.answer));
      if (error instanceof IdentityError) return errorResponse(error.answer);
      const failure = describeFailure(error, false);
      if (failure === undefined) reportBug('a request failed', error);
      return errorResponse(failure ?? internalError, failure?.status === 503 ? 1 : undefined);
    } finally {
      leave();
    }
  }

  async function route(request: Request, url: URL, remoteAddress: string): Promise<Response> {
    const { pathname } = url;
    if (!canDecode(pathname) || /%00/.test(url.search))
      return errorResponse({ status: 400, code: 'PGRST125', message: 'Invalid path specified in request URL' });
    if (pathname.startsWith('/storage/v1/')) {
      const claims = isPublicFile(request.method, pathname) ? anybody : (await options.identify(credentialsOf(request, url))).claims;
      return await answerStorage(options.storage, claims, request, url);
    }
    if (pathname.startsWith(functionsPath)) {
      return await options.functions.answer(request, url, async () => {
        const credentials = credentialsOf(request, url);
        const { claims } = await options.identify(credentials);
        return { claims, credential: credentials.bearer ?? credentials.apiKey! };
      });
    }
    const body = await readBody(request, bodyLimit(pathname), envelopeOf(pathname));
    if (pathname === '/auth/v1/.well-known/jwks.json') return await answerKeys(options.issuer);
    const { claims, token } = await options.identify(credentialsOf(request, url));
    if (pathname === '/status') return answerStatus(options, claims);
    if (pathname === '/rest/v1/rpc/ingest' && request.method === 'POST') return await answerIngest(options.database, claims, textOf(body));
    if (pathname.startsWith('/realtime/v1/api/broadcast'))
      return await answerBroadcast(options.hub, options.database, claims, request.method, url, textOf(body));
    if (pathname === adminUsersPath || pathname.startsWith(`${adminUsersPath}/`))
      return await answerAdminUsers(options, claims, request.method, url, textOf(body));
    if (isSignIn(pathname)) {
      if (!signIns.begin(remoteAddress)) return errorResponse({ status: 429, code: 'over_request_rate_limit', message: 'too many attempts to sign in' }, 60);
      let isIn = false;
      try {
        const response = await answerApi(request, url, body, claims, token);
        // Who makes users is counted though it succeeds.
        isIn = response.ok && !pathname.startsWith('/auth/v1/signup');
        return response;
      } finally {
        await signIns.end(remoteAddress, !isIn);
      }
    }
    return await answerApi(request, url, body, claims, token);
  }

  /** Data API and Auth. */
  async function answerApi(request: Request, url: URL, body: Uint8Array<ArrayBuffer> | null, claims: Claims, token: string | null): Promise<Response> {
    const { pathname } = url;
    if (pathname.startsWith('/auth/v1/')) {
      const refused = refusedAuth(request.method, pathname, claims, textOf(body));
      if (refused !== undefined) return refused;
    }
    const problem = authBodyProblem(pathname, textOf(body));
    if (problem !== undefined) return errorResponse(problem);
    const unknown = await unknownRelation(request, pathname);
    if (unknown !== undefined) return unknown;
    if (!/^\/(rest|auth)\/v1(\/|$)/.test(pathname)) {
      return errorResponse({
        status: 404,
        code: 'not-found',
        message: `there is nothing at ${pathname}`,
        hint: 'The API is at /rest/v1, /auth/v1, /storage/v1, /functions/v1 and /realtime/v1',
      });
    }
    const key = claims.role === 'service_role' ? options.keys.secretKey : options.keys.publishableKey;
    const response = await ask(forwarded(request, url, body, key, token));
    if (response.ok) await endOtherSessions(options.database, request.method, pathname, claims, textOf(body));
    return response;
  }

  async function ask(request: Request): Promise<Response> {
    const { answer: response, failure } = await notingFailures(async () => await options.lite.fetch(request));
    if (response.ok) return response;
    if (failure !== undefined) throw failure;
    return await typedAnswer(response);
  }

  /** Unknown tables are answered here, so that a misspelt one costs no query. */
  async function unknownRelation(request: Request, pathname: string): Promise<Response | undefined> {
    const schema = request.headers.get('content-profile') ?? request.headers.get('accept-profile') ?? 'public';
    const [, name] = /^\/rest\/v1\/([^/]+)$/.exec(pathname) ?? [];
    if (name === undefined || schema !== 'public' || (await options.lite.knowsRelation(decodeURIComponent(name)))) return undefined;
    return errorResponse({
      status: 404,
      code: 'PGRST205',
      message: `Could not find the table 'public.${decodeURIComponent(name)}' in the schema cache`,
    });
  }

  return answer;
}

/** Never waits for the database: what was last heard of it is the answer. */
function answerHealth(monitor: DatabaseMonitor): Response {
  const database = monitor.state();
  return Response.json({ status: database.ok ? 'ok' : 'degraded', database }, { status: 200, headers: { 'cache-control': 'no-store' } });
}

/** What `getClaims()` checks tokens by: ours are signed with a secret, of which nobody is told. */
async function answerKeys(issuer: TokenIssuer | undefined): Promise<Response> {
  const keys = (await issuer?.publicKeys()) ?? { keys: [] };
  return Response.json(keys, { headers: { 'access-control-allow-origin': '*', 'cache-control': 'public, max-age=600' } });
}

function answerStatus(options: FrontOptions, claims: Claims): Response {
  if (claims.role === 'anon')
    return errorResponse({ status: 401, code: 'unauthorized', message: 'sign in or use a secret key to see the status' });
  return Response.json({ ...options.describe(), database: options.monitor.state() }, { headers: { 'cache-control': 'no-store' } });
}

/** The rest of the body is still on its way: this connection cannot carry another request. */
function hangingUp(response: Response): Response {
  response.headers.set('connection', 'close');
  return response;
}

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'];
const methodsOf = (pathname: string): readonly string[] => (['/healthz', '/status'].includes(pathname) ? ['GET', 'HEAD'] : methods);

function preflight(request: Request): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': methods.join(','),
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '86400',
    },
  });
}

function credentialsOf(request: Request, url: URL): Credentials {
  const [, bearer] = /^Bearer\s+(.+)$/i.exec(request.headers.get('authorization') ?? '') ?? [];
  return { apiKey: request.headers.get('apikey') ?? url.searchParams.get('apikey') ?? undefined, bearer: bearer?.trim() };
}

const anybody: Claims = { role: 'anon' };

/** What people without a key may call: files that are public, and those that an address with a signature names. */
function isPublicFile(method: string, pathname: string): boolean {
  const path = /^\/storage\/v1\/object\/(public|sign|upload\/sign)\//.exec(pathname)?.[1];
  return path === 'upload/sign' ? method === 'PUT' : path !== undefined && ['GET', 'HEAD'].includes(method);
}

/** The same request with checked credentials in the form that @supabase/lite takes. */
function forwarded(request: Request, url: URL, body: Uint8Array<ArrayBuffer> | null, key: string, token: string | null): Request {
  const headers = new Headers(request.headers);
  headers.set('apikey', key);
  headers.delete('authorization');
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const target = new URL(url);
  target.searchParams.delete('apikey');
  // `toString` of search parameters writes them anew; without a key in them they stay as they came.
  const address = url.searchParams.has('apikey') ? target : url;
  const { method } = request;
  return new Request(address, { method, headers, body: method === 'GET' || method === 'HEAD' ? null : body });
}

function canDecode(pathname: string): boolean {
  try {
    return !decodeURIComponent(pathname).includes('\0');
  } catch {
    return false;
  }
}

/** Levels of JSON that belong to the message: `[row]`, `{argument: value}`. A batch is measured row by row. */
// An import brings {"batch": {"rows": [{"table", "row"}, …]}}.
const envelopeOf = (pathname: string): number | undefined =>
  pathname === '/rest/v1/rpc/ingest' ? undefined : pathname === '/rest/v1/rpc/import_rows' ? 4 : 1;
const textOf = (body: Uint8Array | null): string =>
  body === null ? '' : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
