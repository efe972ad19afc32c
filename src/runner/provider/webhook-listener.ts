import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { limits } from '../../protocol/limits.ts';

/** A webhook as it arrived: not yet verified, so nothing in it may be believed. */
export interface WebhookDelivery {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: string;
}

/** Receives webhooks on an address of its own, one listener a run. */
export interface WebhookListener {
  /** Where to have webhooks posted; holds an unguessable part. */
  readonly url: string;
  /** The first delivery that has not been taken; undefined when none comes within the time. Rejects when `signal` fires. */
  next(options: { readonly withinMs: number; readonly signal: AbortSignal }): Promise<WebhookDelivery | undefined>;
  /** Deliveries that arrived and have not been taken, for looking at repetitions. */
  waiting(): readonly WebhookDelivery[];
  close(): Promise<void>;
}

/**
 * Listens on the loopback. Every delivery to the right address is answered 200 at once and kept, in order:
 * the sender must not wait for a run that a person has paused.
 */
export async function listenForWebhooks(): Promise<WebhookListener> {
  const path = `/webhooks/${randomBytes(16).toString('base64url')}`;
  const deliveries: WebhookDelivery[] = [];
  let wake: (() => void) | undefined;

  const server = createServer((request, response) => {
    if (request.method !== 'POST' || request.url !== path) {
      response.writeHead(404).end();
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.bodyBytes) chunks.push(chunk);
      else response.writeHead(413, { connection: 'close' }).end(() => request.destroy());
    });
    request.on('end', () => {
      if (response.writableEnded) return;
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      deliveries.push({ body: Buffer.concat(chunks).toString('utf8'), headers, receivedAt: new Date().toISOString() });
      response.writeHead(200).end();
      wake?.();
    });
    request.on('error', () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    waiting: () => [...deliveries],
    async next({ withinMs, signal }) {
      if (deliveries.length === 0) {
        const done = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
        await new Promise<void>((resolve) => {
          wake = resolve;
          done.addEventListener('abort', () => resolve(), { once: true });
          if (done.aborted) resolve();
        });
        wake = undefined;
        if (deliveries.length === 0) signal.throwIfAborted();
      }
      return deliveries.shift();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
