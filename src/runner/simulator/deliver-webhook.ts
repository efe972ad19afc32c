import { Webhook } from 'standardwebhooks';

export interface Delivery {
  readonly url: string;
  /** The same for every attempt at one delivery; a receiver knows a repetition by it. */
  readonly id: string;
  readonly body: string;
  /** `whsec_…` */
  readonly secret: string;
  readonly sentAt: Date;
  readonly signal: AbortSignal;
}

/** Waits between attempts, as the provider does it for a receiver that does not answer, in milliseconds. */
const WAITS_MS = [200, 1_000, 3_000] as const;

/**
 * Posts a webhook as Replicate does: signed by Standard Webhooks, repeated while the receiver does not answer
 * 2xx. Resolves with whether it was received.
 */
export async function deliverWebhook(delivery: Delivery): Promise<boolean> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'stepscope-simulator',
    'webhook-id': delivery.id,
    'webhook-timestamp': String(Math.floor(delivery.sentAt.getTime() / 1000)),
    'webhook-signature': new Webhook(delivery.secret).sign(delivery.id, delivery.sentAt, delivery.body),
  };
  for (let attempt = 0; !delivery.signal.aborted; attempt++) {
    const status = await post(delivery, headers);
    if (status !== undefined && status < 300) return true;
    // A receiver that says "this is not for me" does not change its mind.
    if (status !== undefined && status >= 400 && status < 500 && status !== 429) return false;
    const waitMs = WAITS_MS[attempt];
    if (waitMs === undefined) return false;
    await pause(waitMs, delivery.signal);
  }
  return false;
}

async function post({ url, body, signal }: Delivery, headers: Record<string, string>): Promise<number | undefined> {
  try {
    const response = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}

/** Resolves after the time, or at once when the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
