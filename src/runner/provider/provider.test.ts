import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Prediction } from './prediction.ts';
import { outputUrls } from './prediction.ts';
import { connectProvider, hasEnded, type Exchange, type Provider } from './provider.ts';
import { startSimulator, type Simulator } from '../simulator/start-simulator.ts';
import { verifyWebhook } from './verify-webhook.ts';
import { listenForWebhooks, type WebhookListener } from './webhook-listener.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

function connect(behaviour: string, overrides: Partial<Parameters<typeof connectProvider>[0]> = {}): { readonly provider: Provider; readonly exchanges: Exchange[] } {
  const exchanges: Exchange[] = [];
  const provider = connectProvider({
    name: 'simulator',
    baseUrl: simulator.url,
    token: simulator.token,
    headers: { 'x-simulate': `latency=0${behaviour && `,${behaviour}`}` },
    signal: AbortSignal.timeout(20_000),
    onExchange: (exchange) => exchanges.push(exchange),
    patience: 0.01,
    ...overrides,
  });
  return { provider, exchanges };
}

let requests = 0;
const request = (webhook?: string) => ({
  model: 'black-forest-labs/flux-schnell',
  input: { prompt: 'a lighthouse', width: 32, height: 32 },
  requestId: `request-${++requests}`,
  ...(webhook !== undefined && { webhook }),
});

async function listener(): Promise<WebhookListener> {
  const webhooks = await listenForWebhooks();
  onTestFinished(() => webhooks.close());
  return webhooks;
}

const ended = (provider: Provider, id: string): Promise<Prediction> =>
  vi.waitFor(async () => {
    const prediction = await provider.getPrediction(id);
    expect(hasEnded(prediction)).toBe(true);
    return prediction;
  });

describe('a prediction at the provider', () => {
  it('is created, looked at until it ends, and its image fetched', async () => {
    const { provider } = connect('');
    const created = await provider.createPrediction(request());
    expect(created.status).toBe('starting');
    const [url] = outputUrls(await ended(provider, created.id));
    const file = await provider.download(url!);
    expect(file.contentType).toBe('image/png');
    expect(Buffer.from(file.bytes.subarray(1, 4)).toString()).toBe('PNG');
  });

  it('ends with the provider\'s own words when it fails', async () => {
    const { provider } = connect('fail');
    const prediction = await ended(provider, (await provider.createPrediction(request())).id);
    expect(prediction).toMatchObject({ status: 'failed', error: 'NSFW content detected. Try a different prompt.', output: null });
  });

  it('can be cancelled', async () => {
    const { provider } = connect('stuck');
    const { id } = await provider.createPrediction(request());
    expect((await provider.cancelPrediction(id)).status).toBe('canceled');
  });
});

describe('a create', () => {
  it('is repeated when the provider is too busy, as late as it asks', async () => {
    const { provider, exchanges } = connect('rate-limit');
    await provider.createPrediction(request());
    expect(exchanges.map((one) => one.outcome)).toEqual([429, 429, 201]);
    expect(exchanges[0]!.retryInMs).toBeGreaterThanOrEqual(1_000);
    expect(exchanges[1]!.retryInMs).toBeGreaterThanOrEqual(1_600);
  });

  it('is not repeated when its outcome is unknown', async () => {
    const { provider, exchanges } = connect('create-500');
    await expect(provider.createPrediction(request())).rejects.toMatchObject({
      code: 'unavailable',
      message: 'simulator answered 500: Internal server error: An unexpected error occurred.',
      hint: 'Whether the prediction exists is unknown, so it was not asked for again',
    });
    expect(exchanges).toHaveLength(1);
  });

  it('passes on why the provider refuses the input', async () => {
    const { provider } = connect('');
    await expect(provider.createPrediction({ ...request(), input: { prompt: 'x', width: 4096 } })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('input.width'),
    });
  });

  it('with a wrong token says where the token comes from', async () => {
    const { provider } = connect('', { token: 'r8_wrong' });
    await expect(provider.createPrediction(request())).rejects.toMatchObject({ code: 'unauthorized', hint: expect.stringContaining('REPLICATE_API_TOKEN') });
  });

  it('is sent five times to a provider nobody answers at', async () => {
    const { provider, exchanges } = connect('', { baseUrl: `http://127.0.0.1:${await freePort()}` });
    await expect(provider.createPrediction(request())).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('after 5 attempts') });
    expect(exchanges.map((one) => one.outcome)).toEqual(Array(5).fill('refused'));
  });

  it('ends at once when the run is cancelled during a wait', async () => {
    const cancel = new AbortController();
    const { provider } = connect('rate-limit', { patience: 1_000, signal: cancel.signal, onExchange: () => cancel.abort(new Error('cancelled')) });
    await expect(provider.createPrediction(request())).rejects.toThrow();
  });
});

describe('webhooks', () => {
  it('arrive signed, and verify against the provider\'s secret', async () => {
    const webhooks = await listener();
    const { provider } = connect('');
    const { id } = await provider.createPrediction(request(webhooks.url));
    const delivery = await webhooks.next({ withinMs: 10_000, signal: AbortSignal.timeout(10_000) });
    const { payload } = verifyWebhook(delivery!, await provider.webhookSecret());
    expect(payload).toMatchObject({ id, status: 'succeeded' });
  });

  for (const [behaviour, reason] of [
    ['webhook-bad-signature', /its signature does not match/],
    ['webhook-old', /signed more than five minutes ago/],
  ] as const) {
    it(`are refused when the provider behaves as ${behaviour}`, async () => {
      const webhooks = await listener();
      const { provider } = connect(behaviour);
      await provider.createPrediction(request(webhooks.url));
      const delivery = await webhooks.next({ withinMs: 10_000, signal: AbortSignal.timeout(10_000) });
      const secret = await provider.webhookSecret();
      expect(() => verifyWebhook(delivery!, secret)).toThrow(reason);
    });
  }

  it('that come twice carry the same id', async () => {
    const webhooks = await listener();
    const { provider } = connect('webhook-twice');
    await provider.createPrediction(request(webhooks.url));
    const deliveries = await vi.waitFor(() => {
      expect(webhooks.waiting()).toHaveLength(2);
      return webhooks.waiting();
    });
    expect(new Set(deliveries.map((one) => one.headers['webhook-id'])).size).toBe(1);
  });

  it('that never come are not waited for beyond the time', async () => {
    const webhooks = await listener();
    expect(await webhooks.next({ withinMs: 20, signal: new AbortController().signal })).toBeUndefined();
  });

  it('at a wrong address are not taken', async () => {
    const webhooks = await listener();
    expect((await fetch(webhooks.url.slice(0, -1), { method: 'POST', body: '{}' })).status).toBe(404);
    expect(webhooks.waiting()).toEqual([]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
