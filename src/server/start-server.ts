import { createServer, STATUS_CODES, type Server } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError, type HttpBindings } from '@hono/node-server';
import { UserError } from '../protocol/error.ts';
import type { Database } from '../storage/database.ts';
import { createAudit } from './audit.ts';
import { reportBug, reportNotice } from './bug-report.ts';
import { withNotes } from './database-failures.ts';
import { monitorDatabase } from './database-monitor.ts';
import { connectFanout } from './fanout/fanout.ts';
import { createFront } from './front.ts';
import { keepHouse } from './housekeeping.ts';
import { checkFunctionsFolder, createFunctions } from './functions/answer-functions.ts';
import { createIdentify } from './identity.ts';
import { rememberUsers } from './known-users.ts';
import type { BackendKeys } from './keys.ts';
import { oneServerAtATime } from './one-server-at-a-time.ts';
import { createHub } from './realtime/hub.ts';
import { errorResponse, internalError } from './rest-error.ts';
import { attachSockets } from './realtime/socket-server.ts';
import { createDiskStore, removeAbandoned } from './storage/blob-store.ts';
import { openS3Store, type S3Options } from './storage/s3-store.ts';
import { createSignedLinks } from './storage/signed-links.ts';
import type { StorageServices } from './storage/upload.ts';
import { createSupabaseLite, ensureSystemSchema } from './supabase-lite.ts';
import { openTokenIssuer } from './token-issuer.ts';

export interface ServerOptions {
  /** Migrated. The server does not close it. */
  readonly database: Database;
  readonly keys: BackendKeys;
  /** Address to listen on; `127.0.0.1` unless other machines are to reach it. */
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Where files uploaded to Storage are received, and kept unless there is an S3-compatible store. */
  readonly filesDirectory: string;
  readonly s3?: S3Options | undefined;
  /** Functions of the server's owner, `<name>.ts` or `<name>/index.ts`, for `/functions/v1/<name>`. */
  readonly functionsDir?: string | undefined;
  /** Time a function has for its answer. */
  readonly functionTimeoutMs?: number | undefined;
  /** A Redis through which servers on one database reach each other; without one, the database itself. */
  readonly redisUrl?: string | undefined;
  /** A JWKS, address or file: tokens of users signed by its keys are good too. */
  readonly jwks?: string | undefined;
  /** What `iss` of such tokens must be, unless the address says it. */
  readonly jwtIssuer?: string | undefined;
  /** May strangers make themselves a user? Who is one has no role. */
  readonly allowSignUp?: boolean | undefined;
  /** What `/status` tells beside what the server knows itself: version, mode. */
  readonly instance: Readonly<Record<string, string | number>>;
  /** Runs held by holders of this prefix died with the last backend of this data directory. */
  readonly ownHolders?: string | undefined;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** People's sockets and runs in progress, for whoever decides that nobody needs the server any more. */
  activity(): Promise<{ readonly clients: number; readonly activeRuns: number }>;
  /** Stops listening, ends sockets, finishes requests. */
  close(): Promise<void>;
}

/**
 * Serves a database to unmodified supabase-js clients. Throws `unavailable` when the port is taken or may not
 * be used.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { database, keys, host } = options;
  const liteOptions = { database, keys, allowSignUp: options.allowSignUp ?? false };
  await checkFunctionsFolder(options.functionsDir);
  const issuer = options.jwks === undefined ? undefined : await openTokenIssuer({ jwks: options.jwks, issuer: options.jwtIssuer });
  await oneServerAtATime(database, 'system schema', async () => await ensureSystemSchema(liteOptions));
  const startedAt = Date.now();
  const users = rememberUsers(database);
  const identify = createIdentify(keys, issuer, users);
  const audit = createAudit(database);
  const lite = createSupabaseLite({ ...liteOptions, database: withNotes(audit.database) });
  const fanout = await connectFanout({ database, redisUrl: options.redisUrl, secret: keys.jwtSecret });
  const hub = await createHub(database, identify, fanout, audit.socketRefused);
  const monitor = monitorDatabase(database);
  const describe = (): Readonly<Record<string, unknown>> => ({
    ...options.instance,
    uptimeS: Math.round((Date.now() - startedAt) / 1000),
    sockets: sockets.sockets,
    rooms: hub.rooms.size,
    fanout: fanout.state(),
    memoryBytes: process.memoryUsage.rss(),
  });
  let url = '';
  const functions = createFunctions({
    directory: options.functionsDir,
    keys,
    timeoutMs: options.functionTimeoutMs,
    url: () => url,
    print: reportNotice,
  });
  const front = audit.front(
    createFront({
      database: audit.database,
      monitor,
      keys,
      identify: audit.identify(identify),
      users,
      issuer,
      lite,
      hub,
      storage: await openStorage(options, audit.database),
      functions,
      boundHost: host,
      countForAll: fanout.count,
      describe,
    }),
  );

  const listener = getRequestListener(
    async (request, bindings) => await front(request, (bindings as HttpBindings).incoming.socket.remoteAddress ?? ''),
    { errorHandler: answerFailure },
  );
  const server = createServer((request, response) => void listener(request, response));
  server.requestTimeout = 60_000;
  server.headersTimeout = 20_000;
  server.keepAliveTimeout = 30_000;
  server.on('clientError', answerUnreadable);
  const sockets = attachSockets(server, hub, host);
  const port = await listen(server, host, options.port);
  url = `http://${nameOf(host)}:${port}`;
  const house = keepHouse(database, options.ownHolders);
  // The first request would otherwise wait for the schema to be read.
  lite.warm().catch((error: unknown) => reportBug('the schema could not be read', error));

  return {
    url,
    port,
    activity: async () => ({ clients: sockets.people, activeRuns: await house.activeRuns() }),
    async close() {
      house.close();
      monitor.close();
      await sockets.close();
      await hub.changes.close();
      await fanout.close();
      await functions.close();
      await stop(server);
      await audit.close();
    },
  };
}

/** Answers addresses that are none, which never come to be requests. */
function answerFailure(error: unknown): Response {
  if (error instanceof RequestError)
    return errorResponse({ status: 400, code: 'PGRST125', message: 'Invalid path specified in request URL' });
  reportBug('a request failed', error);
  return errorResponse(internalError);
}

/** Answers what is not HTTP, comes too slowly or has more headers than fit, as everything else is answered. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const body = JSON.stringify({ code: 'usage', details: null, hint: null, message: STATUS_CODES[status] });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // What still comes is thrown away, for a connection closed on it is reset, and the answer is lost.
  socket.resume();
  setTimeout(() => socket.destroy(), lingerMs).unref();
}

const lingerMs = 1_000;

async function openStorage({ filesDirectory, s3, keys }: ServerOptions, database: Database): Promise<StorageServices> {
  await removeAbandoned(join(filesDirectory, 'incoming'));
  const blobs = s3 === undefined ? createDiskStore(filesDirectory) : await openS3Store(s3);
  return { database, blobs, links: createSignedLinks(keys.jwtSecret), directory: filesDirectory };
}

/** A name under which this machine reaches what listens on `host`. */
function nameOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const hint = `Choose another with --port ${port === 0 ? 8000 : port + 1}, or --port 0 for any that is free`;
  if (error.code === 'EADDRINUSE') return new UserError('unavailable', `port ${port} on ${host} is in use`, { hint, cause: error });
  if (error.code === 'EACCES')
    return new UserError('unavailable', `port ${port} on ${host} may not be used by this user`, { hint, cause: error });
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new UserError('usage', `${host} is not an address of this machine`, { hint: 'Use --host 127.0.0.1', cause: error });
  }
  return error;
}

/** How long requests may take to finish when the server goes down. */
const graceMs = 2_000;

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
