import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import { addressProblem } from '../address-guard.ts';
import { reportBug } from '../bug-report.ts';
import { IdentityError } from '../identity.ts';
import { serveConnection } from './connection.ts';
import type { FrameVersion } from './frames.ts';
import type { Hub } from './hub.ts';
import type { Outbox } from './outbox.ts';

const realtimePath = '/realtime/v1/websocket';
const maxFrameBytes = 1024 * 1024;
const pingEveryMs = 15_000;
const maxSockets = 1_000;
/** A client that has been sent a close, and does not read, may still come to hear of it. */
const closeTimeoutMs = 60_000;

export interface SocketServer {
  readonly sockets: number;
  /** Sockets of people: those that did not come with a secret key, as trackers and runners do. */
  readonly people: number;
  close(): Promise<void>;
}

/** Takes WebSockets at {@link realtimePath} of an HTTP server. Who has no key gets 401 before the upgrade. */
export function attachSockets(server: Server, hub: Hub, boundHost: string): SocketServer {
  const upgraderOptions: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    maxPayload: maxFrameBytes,
    closeTimeout: closeTimeoutMs,
    // Compression costs memory per socket and lets a small frame unpack to a large one.
    perMessageDeflate: false,
  };
  const upgrader = new WebSocketServer(upgraderOptions);
  const outboxes = new WeakMap<WebSocket, Outbox>();
  const answering = new WeakSet<WebSocket>();
  const people = new Set<WebSocket>();

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname !== realtimePath) return refuse(socket, 404, `sockets are at ${realtimePath}`);
    const problem = addressProblem(boundHost, { host: request.headers.host, origin: request.headers.origin });
    if (problem !== undefined) return refuse(socket, 403, problem);
    if (upgrader.clients.size >= maxSockets) return refuse(socket, 503, `more than ${maxSockets} sockets`);
    const version = url.searchParams.get('vsn') ?? '1.0.0';
    if (version !== '1.0.0' && version !== '2.0.0') return refuse(socket, 400, `protocol version ${version} is not known`);
    const address = request.socket.remoteAddress ?? '';
    try {
      const [, bearer] = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
      const apiKey = url.searchParams.get('apikey') ?? headerOf(request, 'apikey');
      const identity = await hub.identify({ apiKey, bearer });
      upgrader.handleUpgrade(request, socket, head, (opened) => {
        keepAlive(opened);
        if (identity.claims.role !== 'service_role') {
          people.add(opened);
          opened.once('close', () => people.delete(opened));
        }
        outboxes.set(opened, serveConnection(hub, opened, version satisfies FrameVersion, { identity, address }));
      });
    } catch (error) {
      if (error instanceof IdentityError) hub.onRefused({ address, claims: undefined, topic: undefined, status: 401, reason: error.message });
      else reportBug('a socket could not be opened', error);
      refuse(
        socket,
        error instanceof IdentityError ? 401 : 500,
        error instanceof IdentityError ? error.message : 'the server made a mistake',
      );
    }
  }

  function keepAlive(socket: WebSocket): void {
    answering.add(socket);
    socket.on('pong', () => answering.add(socket));
    // A broken frame ends the socket by itself; without a listener it would end the process.
    socket.on('error', () => {});
  }

  const timer = setInterval(() => {
    for (const socket of upgrader.clients) {
      if (socket.readyState !== socket.OPEN) continue;
      if (answering.delete(socket)) socket.ping();
      else outboxes.get(socket)?.cutOff('no answer to a ping: read after your last seq');
    }
  }, pingEveryMs);
  timer.unref();

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    void upgrade(request, socket, head);
  };
  server.on('upgrade', onUpgrade);

  return {
    get sockets() {
      return upgrader.clients.size;
    },
    get people() {
      return people.size;
    },
    async close() {
      clearInterval(timer);
      server.off('upgrade', onUpgrade);
      for (const socket of upgrader.clients) {
        socket.close(1001, 'the server is going down');
        setTimeout(() => socket.terminate(), 500).unref();
      }
      await new Promise<void>((resolve) => upgrader.close(() => resolve()));
    },
  };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function refuse(socket: Duplex, status: number, message: string): void {
  const body = JSON.stringify({ error: message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
