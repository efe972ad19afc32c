import type { Holder } from '../client/holder.ts';
import type { Masker } from '../core/mask.ts';
import { UserError } from '../protocol/error.ts';
import { CONNECTIONS } from '../protocol/exchange.ts';
import type { Json } from '../protocol/json.ts';
import type { RunRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import { newId } from '../tracker/ids.ts';
import type { RunRecorder } from '../tracker/recorder.ts';
import type { Outside } from './outside/outside.ts';
import { isOnItsWay } from './outside/recording.ts';
import type { RunInfo, StepContext, StepLog } from './pipeline.ts';
import { connectProvider, type Exchange, type Provider, type ProviderOptions } from './provider/provider.ts';
import { listenForWebhooks, type WebhookDelivery, type WebhookListener } from './provider/webhook-listener.ts';
import { BEHAVIOUR_HEADER } from './simulator/behaviour-header.ts';
import type { ProviderAccess } from './thread-messages.ts';

/** Before anything is put in its place. */
const realFetch = globalThis.fetch;

/** Makes the contexts of one run's steps. What they share (the tables, the webhook listener) is opened when first asked for. */
export interface StepContexts {
  readonly contextFor: (signal: AbortSignal) => StepContext;
  /** For code that takes the global one in place of its context's. */
  readonly fetch: typeof fetch;
  /** Resolves when all that the outside world answered is recorded. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface StepContextOptions {
  readonly run: RunRow;
  readonly recorder: RunRecorder;
  readonly masker: Masker;
  readonly access: ProviderAccess;
  readonly outside: Outside;
  /** Address of the backend. */
  readonly url: string;
  /** Connects to a backend by way of a `fetch` put around every request. */
  readonly connect: (url: string, through: (send: typeof fetch) => typeof fetch) => Holder;
}

export function openStepContexts({ run, recorder, masker, access, outside, url, connect }: StepContextOptions): StepContexts {
  let listener: Promise<WebhookListener> | undefined;
  const log = stepLog(recorder);
  const info: RunInfo = {
    id: run.test_run_id,
    parentRunId: run.parent_run_id,
    pipeline: run.pipeline_key ?? '',
    userId: run.admin_user_id,
    options: RunOptions.parse(run.execution_data['options'] ?? {}),
  };
  const connections = outside.askNow({ kind: 'value', method: CONNECTIONS }, () => ({ provider: access.name, baseUrl: access.baseUrl, reachesUs: access.reachesUs, backend: url }));
  const holder = connect(connections.backend, (send) => outside.fetch(kindOfBackendRequest, send));
  const providerFetch = outside.fetch(() => 'provider', realFetch);
  const plainFetch = outside.fetch(() => 'fetch', realFetch);

  const webhooks = async (signal: AbortSignal): Promise<WebhookListener | undefined> => {
    const address = await outside.ask({ kind: 'webhook', method: 'LISTEN', signal }, async () => (connections.reachesUs ? (await (listener ??= listenForWebhooks())).url : null));
    if (address === null) return undefined;
    const open = await listener;
    return {
      url: address,
      next: async (options) =>
        ((await outside.ask({ kind: 'webhook', method: 'POST', signal: options.signal }, async () => ((await open?.next(options)) ?? null) as unknown as Json)) ?? undefined) as WebhookDelivery | undefined,
      waiting: () => outside.askNow({ kind: 'webhook', method: 'WAITING' }, () => (open?.waiting() ?? []) as unknown as Json) as unknown as readonly WebhookDelivery[],
      close: async () => await open?.close(),
    };
  };

  return {
    contextFor: (signal) => {
      const sleep = (ms: number): Promise<void> => outside.sleep(ms, signal);
      const options: ProviderOptions = {
        name: connections.provider,
        baseUrl: connections.baseUrl,
        token: access.token,
        headers: access.simulate === undefined ? {} : { [BEHAVIOUR_HEADER]: access.simulate },
        signal,
        onExchange: (exchange) => logExchange(recorder, exchange),
        fetch: providerFetch,
        sleep: outside.sleep,
      };
      return {
        run: info,
        billing: run.billing,
        log,
        signal,
        db: holder.db,
        // A getter: most steps need no files, and the client makes its part for them on demand.
        get storage() {
          return holder.db.storage;
        },
        secret: (name) => outside.askNow({ kind: 'value', method: `secret ${name}` }, () => ({ secret: readSecret(name, masker) })).secret,
        provider: verifyingOnRecord(connectProvider(options), options, outside),
        fetch: plainFetch,
        sleep,
        newId: () => outside.askNow({ kind: 'value', method: 'id' }, newId),
        now: () => outside.askNow({ kind: 'value', method: 'now' }, Date.now),
        random: () => outside.askNow({ kind: 'value', method: 'random' }, Math.random),
        charge: (credits) => recorder.charge(credits),
        link: ({ generationId, jobId }) => {
          recorder.patchRun({ ...(generationId !== undefined && { generation_id: generationId }), ...(jobId !== undefined && { job_id: jobId }) });
        },
        webhooks: () => webhooks(signal),
      };
    },
    // What our own clients send by it is theirs, and recorded as theirs.
    fetch: (input, init) => (isOnItsWay() ? realFetch(input, init) : plainFetch(input, init)),
    settled: () => outside.settled(),
    close: async () => {
      await (await listener)?.close();
    },
  };
}

/** Files have a path of their own at the backend. */
function kindOfBackendRequest(url: string): 'storage' | 'database' {
  return new URL(url).pathname.includes('/storage/v1/') ? 'storage' : 'database';
}

/** The verdict on a webhook is recorded, and not the secret it is found by: without that nobody could find it again. */
function verifyingOnRecord(provider: Provider, options: ProviderOptions, outside: Outside): Provider {
  return {
    ...provider,
    verifyWebhook: async (delivery) =>
      await outside.ask({ kind: 'value', method: 'verify', about: { id: delivery.headers['webhook-id'] ?? null, body: delivery.body }, signal: options.signal }, async () => {
        const { id, sentAt } = await connectProvider({ ...options, fetch: undefined }).verifyWebhook(delivery);
        return { id, sentAt };
      }),
  };
}

function stepLog(recorder: RunRecorder): StepLog {
  const at = (level: string) => (message: string, data?: unknown) => {
    recorder.log({ level, message, data });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), critical: at('critical') };
}

function readSecret(name: string, masker: Masker): string {
  const value = process.env[name];
  if (!value) throw new UserError('usage', `the secret ${name} is not set`, { hint: `Set ${name} in the environment of the runner` });
  masker.learn(value);
  return value;
}

function logExchange(recorder: RunRecorder, { method, url, attempt, outcome, durationMs, retryInMs, request }: Exchange): void {
  const path = new URL(url).pathname;
  const again = retryInMs === undefined ? '' : `, again in ${(retryInMs / 1000).toFixed(1)} s`;
  recorder.log({
    level: retryInMs === undefined ? 'debug' : 'warn',
    context: 'provider',
    message: `${outcome} ${method} ${path}${again}`,
    durationMs,
    data: { url, attempt, ...(request && { request }) },
  });
}
