import Replicate from 'replicate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator, type Simulator } from './start-simulator.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.close());

const model = 'black-forest-labs/flux-schnell';
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(simulator.url + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { authorization: `Bearer ${simulator.token}`, 'x-simulate': 'latency=0', ...headers },
  });

describe('the simulator, to the provider\'s own client', () => {
  const replicate = (): Replicate =>
    new Replicate({
      auth: simulator.token,
      baseUrl: `${simulator.url}/v1`,
      useFileOutput: false,
      fetch: (url: string | URL | Request, init: RequestInit = {}) => {
        const headers = new Headers(init.headers);
        headers.set('x-simulate', 'latency=0');
        return fetch(url, { ...init, headers });
      },
    });

  it('runs a prediction to its end and serves its images', async () => {
    const output = (await replicate().run(model, { input: { prompt: 'a lighthouse', width: 64, height: 32, num_outputs: 2 }, wait: { mode: 'poll', interval: 20 } })) as string[];
    expect(output).toHaveLength(2);
    const images = await Promise.all(output.map(async (url) => Buffer.from(await (await fetch(url)).arrayBuffer())));
    expect(images.map((image) => [image.readUInt32BE(16), image.readUInt32BE(20)])).toEqual([[64, 32], [64, 32]]);
    expect(images[0]!.equals(images[1]!)).toBe(false);
  });

  it('tells the status, the logs and the metrics of a prediction', async () => {
    const created = await replicate().predictions.create({ model, input: { prompt: 'a lighthouse', seed: 5 } });
    expect(created.status).toBe('starting');
    const ended = await replicate().wait(created, { interval: 20 });
    expect(ended).toMatchObject({ status: 'succeeded', error: null });
    expect(ended.logs).toContain('Using seed: 5');
    expect(ended.metrics?.predict_time).toBeTypeOf('number');
  });

  it('cancels a prediction', async () => {
    const created = await (await post(`/v1/models/${model}/predictions`, { input: { prompt: 'a lighthouse' } }, { 'x-simulate': 'stuck' })).json() as { id: string };
    const canceled = await replicate().predictions.cancel(created.id);
    expect(canceled.status).toBe('canceled');
    expect((await replicate().predictions.get(created.id)).status).toBe('canceled');
  });
});

describe('the simulator refuses', () => {
  const cases: readonly (readonly [why: string, path: string, body: unknown, headers: Record<string, string>, status: number, words: string])[] = [
    ['a caller without its token', '/v1/predictions', {}, { authorization: 'Bearer r8_other' }, 401, 'valid authentication token'],
    ['an input without a prompt', `/v1/models/${model}/predictions`, { input: {} }, {}, 422, 'input.prompt'],
    ['a size it cannot paint', `/v1/models/${model}/predictions`, { input: { prompt: 'x', width: 1e9 } }, {}, 422, 'input.width'],
    ['a body that is no JSON', '/v1/predictions', '{', {}, 422, ''],
    ['a prediction of no version', '/v1/predictions', { input: { prompt: 'x' } }, {}, 422, 'version is required'],
    ['an unknown behaviour', '/v1/predictions', {}, { 'x-simulate': 'fial' }, 400, 'Did you mean `fail`?'],
    ['an unknown path', '/v1/nothing', {}, {}, 404, ''],
    ['more than a megabyte', '/v1/predictions', 'x'.repeat(1_100_000), {}, 413, ''],
  ];
  for (const [why, path, body, headers, status, words] of cases) {
    it(`${why} with ${status}`, async () => {
      const response = await post(path, body, headers);
      expect(response.status).toBe(status);
      expect(await response.text()).toContain(words);
    });
  }
});
