import { outputUrls, Prediction, step, UserError, z } from 'stepscope';
import type { State } from './state.ts';
import { done } from './tables.ts';
import { counted } from './words.ts';

const Received = z.object({ body: z.string(), headers: z.record(z.string(), z.string()), receivedAt: z.string() });

/** Without a webhook there is nothing to look into: what polling saw holds. */
const skip = ({ delivery }: State): string | undefined => (delivery === null ? 'no webhook came' : undefined);

const verifySignature = step({
  key: 'verify_signature',
  name: 'Verify Signature',
  context: 'webhook',
  skip,
  schema: z.object({ delivery: Received }),
  inputs: ({ delivery }: State) => ({ delivery: delivery! }),
  async run({ delivery }, { provider, log }) {
    const { id, sentAt } = await provider.verifyWebhook(delivery);
    log.info(`Webhook ${id} is signed by ${provider.name} and was sent ${sentAt}`);
    return { webhook: { id, sentAt } };
  },
});

const parse = step({
  key: 'parse',
  name: 'Parse',
  context: 'webhook',
  skip,
  schema: z.object({ body: z.string() }),
  inputs: ({ delivery }: State) => ({ body: delivery!.body }),
  run({ body }, { log }) {
    const told = Prediction.parse(JSON.parse(body));
    log.info(`It says that prediction ${told.id} ${told.status}`);
    return { announced: { predictionId: told.id, status: told.status, outputs: outputUrls(told) } };
  },
});

const matchRun = step({
  key: 'match_run',
  name: 'Match Run',
  context: 'webhook',
  skip,
  schema: z.object({ announced: z.string(), expected: z.string() }),
  inputs: ({ announced, prediction }: State) => ({ announced: announced.predictionId, expected: prediction.id }),
  run({ announced, expected }, { run, log }) {
    if (announced !== expected) throw new UserError('conflict', `the webhook tells of prediction ${announced}, this run waits for ${expected}`);
    log.info(`It belongs to run ${run.id}`);
  },
});

const persist = step({
  key: 'persist',
  name: 'Persist',
  context: 'database',
  effect: 'idempotent',
  skip,
  schema: z.object({ jobId: z.string(), outputs: z.array(z.string()) }),
  inputs: ({ job, announced }: State) => ({ jobId: job.id, outputs: announced.outputs }),
  async run({ jobId, outputs }, { db, log }) {
    await done('keep what the webhook said', db.from('jobs').update({ output: outputs }).eq('id', jobId));
    log.info(`Kept ${counted(outputs.length, 'output address', 'output addresses')} in job ${jobId}`);
  },
});

const notify = step({
  key: 'notify',
  name: 'Notify',
  description: 'Tells whoever watches the job that its result is there.',
  context: 'webhook',
  effect: 'idempotent',
  skip,
  schema: z.object({ jobId: z.string(), webhookId: z.string() }),
  inputs: ({ job, webhook }: State) => ({ jobId: job.id, webhookId: webhook.id }),
  async run({ jobId, webhookId }, { db, webhooks, log }) {
    const channel = db.channel(`job:${jobId}`);
    const { success } = await channel.httpSend('provider_done', { jobId, webhookId }).catch(() => ({ success: false }));
    await db.removeChannel(channel);
    if (success) log.info(`Told the watchers of job ${jobId}`);
    else log.warn(`Nobody could be told of job ${jobId}: the result is in its row all the same`);
    const repeated = (await webhooks())?.waiting().filter(({ headers }) => headers['webhook-id'] === webhookId) ?? [];
    if (repeated.length > 0) log.warn(`The provider sent webhook ${webhookId} ${repeated.length + 1} times; only the first counts`);
  },
});

export const webhookProcessing = step({
  key: 'webhook_processing',
  name: 'Webhook Processing',
  context: 'webhook',
  aliases: ['P2-12'],
  schema: z.object({ withinMs: z.int().min(0).max(60_000) }),
  inputs: () => ({ withinMs: 5_000 }),
  async run({ withinMs }, { webhooks, log, signal }) {
    const listener = await webhooks();
    const delivery = (await listener?.next({ withinMs, signal })) ?? null;
    if (delivery) log.info(`A webhook of ${delivery.body.length} bytes arrived`, { receivedAt: delivery.receivedAt });
    else log.warn(listener ? `No webhook within ${withinMs / 1000} s: going on with what polling saw` : 'The provider cannot reach us: going on with what polling saw');
    return { delivery };
  },
  steps: [verifySignature, parse, matchRun, persist, notify],
});
