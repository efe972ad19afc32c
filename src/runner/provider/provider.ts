import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { parseRetryAfter, retryDelayMs, type FailedAttempt } from '../../core/retry.ts';
import { UserError, type ErrorCode } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { endedPredictions, Prediction, Problem } from './prediction.ts';
import { verifyWebhook } from './verify-webhook.ts';
import type { WebhookDelivery } from './webhook-listener.ts';

/** One HTTP exchange with the provider, for the log. Secrets are not in it. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly attempt: number;
  /** The status, or how the connection failed. */
  readonly outcome: FailedAttempt['outcome'];
  readonly durationMs: number;
  /** Set when the request is sent again after this long. */
  readonly retryInMs?: number | undefined;
  readonly request?: JsonObject | undefined;
}

export interface ProviderOptions {
  readonly name: 'simulator' | 'replicate';
  readonly baseUrl: string;
  readonly token: string;
  /** Sent along with each create, as the simulator's behaviour is. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends every request and every wait. */
  readonly signal: AbortSignal;
  readonly onExchange?: ((exchange: Exchange) => void) | undefined;
  /** In the place of the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** Waits between attempts. */
  readonly sleep?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Factor on the waits between attempts; tests make it small. */
  readonly patience?: number | undefined;
}

export interface PredictionRequest {
  /** `owner/name` or `owner/name:version`. */
  readonly model: string;
  readonly input: JsonObject;
  /** Where the provider shall post the end of the prediction. */
  readonly webhook?: string | undefined;
  /** Names this create through all its attempts. */
  readonly requestId: string;
}

/** A provider of predictions that speaks Replicate's protocol. Failures are `UserError`s with the provider's words. */
export interface Provider {
  readonly name: ProviderOptions['name'];
  readonly baseUrl: string;
  createPrediction(request: PredictionRequest): Promise<Prediction>;
  getPrediction(id: string): Promise<Prediction>;
  /** Asks for the end of a prediction; one that has ended stays as it is. */
  cancelPrediction(id: string): Promise<Prediction>;
  /** Secret by which the provider signs its webhooks. */
  webhookSecret(): Promise<string>;
  /**
   * Is a webhook the provider's own: signed with its secret, at most five minutes old? Gives its id and when it was
   * sent; throws `forbidden` with the reason. Better than {@link webhookSecret}, which no recording holds.
   */
  verifyWebhook(delivery: WebhookDelivery): Promise<{ readonly id: string; readonly sentAt: string }>;
  /** A file of a finished prediction, at most {@link MAX_FILE_BYTES}. */
  download(url: string): Promise<{ readonly bytes: Uint8Array; readonly contentType: string }>;
}

/** The largest output file taken over. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

interface Call {
  readonly kind: FailedAttempt['kind'];
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly body?: JsonObject | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export function connectProvider(options: ProviderOptions): Provider {
  const { baseUrl, name } = options;
  const authorization = { authorization: `Bearer ${options.token}` };
  const secretOfWebhooks = async (): Promise<string> => {
    const answer = await json(await request(options, read('/v1/webhooks/default/secret')));
    return z.object({ key: z.string() }).parse(answer).key;
  };
  const read = (path: string): Call => ({ kind: 'read', method: 'GET', url: baseUrl + path, headers: authorization });

  return {
    name,
    baseUrl,
    async createPrediction({ model, input, webhook, requestId }) {
      const [path, version] = model.includes(':') ? ['/v1/predictions', { version: model }] : [`/v1/models/${model}/predictions`, {}];
      const body = { ...version, input, ...(webhook !== undefined && { webhook, webhook_events_filter: ['completed'] }) };
      const headers = { ...authorization, ...options.headers, 'content-type': 'application/json', 'x-request-id': requestId };
      return Prediction.parse(await json(await request(options, { kind: 'create', method: 'POST', url: baseUrl + path, body, headers })));
    },
    async getPrediction(id) {
      return Prediction.parse(await json(await request(options, read(`/v1/predictions/${encodeURIComponent(id)}`))));
    },
    async cancelPrediction(id) {
      // Cancelling twice is cancelling once, so it may be repeated like a read.
      const call: Call = { ...read(`/v1/predictions/${encodeURIComponent(id)}/cancel`), method: 'POST' };
      return Prediction.parse(await json(await request(options, call)));
    },
    webhookSecret: secretOfWebhooks,
    async verifyWebhook(delivery) {
      const { id, sentAt } = verifyWebhook(delivery, await secretOfWebhooks());
      return { id, sentAt };
    },
    async download(url) {
      // Without the token: output addresses lie on other hosts, which have no business with it.
      const response = await request(options, { kind: 'read', method: 'GET', url });
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.length > MAX_FILE_BYTES) throw new UserError('too-large', `the output at ${url} has ${bytes.length} bytes`);
      return { bytes, contentType: response.headers.get('content-type') ?? 'application/octet-stream' };
    },
  };
}

/** Sends a request as often as {@link retryDelayMs} allows; the answer is 2xx. */
async function request(options: ProviderOptions, call: Call): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const startedAt = performance.now();
    const answer = await send(options, call);
    const { response } = answer;
    const outcome = answer.response ? answer.response.status : answer.broken.outcome;
    const retryAfterMs = parseRetryAfter(response?.headers.get('retry-after') ?? null, Date.now());
    const delayMs = response?.ok ? undefined : retryDelayMs({ kind: call.kind, attempt, outcome, retryAfterMs }, Math.random());
    options.onExchange?.({
      method: call.method,
      url: call.url,
      attempt,
      outcome,
      durationMs: Math.round(performance.now() - startedAt),
      retryInMs: delayMs,
      request: call.body,
    });
    if (response?.ok) return response;
    if (delayMs === undefined) throw answer.response ? await refusal(options, call, attempt, answer.response) : silence(options, call, attempt, answer.broken);
    await response?.body?.cancel();
    const pauseMs = delayMs * (options.patience ?? 1);
    await (options.sleep?.(pauseMs, options.signal) ?? wait(pauseMs, undefined, { signal: options.signal }));
  }
}

interface Broken {
  readonly outcome: 'refused' | 'lost' | 'timeout';
  readonly cause: unknown;
}
type Answer = { readonly response: Response; readonly broken?: undefined } | { readonly response?: undefined; readonly broken: Broken };

async function send(options: ProviderOptions, { method, url, body, headers }: Call): Promise<Answer> {
  try {
    const response = await (options.fetch ?? fetch)(url, {
      method,
      ...(headers && { headers }),
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    return { response };
  } catch (error) {
    // The run was cancelled or ran out of time: that is not the provider's failure.
    options.signal.throwIfAborted();
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    return { broken: { outcome: timedOut ? 'timeout' : isRefusal(error) ? 'refused' : 'lost', cause: error } };
  }
}

/** Was the connection refused, or the host not found: did certainly nothing arrive? */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const errors = cause instanceof AggregateError ? cause.errors : [cause];
  return errors.every((one) => one instanceof Error && 'code' in one && ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(String(one.code)));
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UserError('failed', `the provider answered ${response.status} with what is not JSON: ${text.slice(0, 200)}`);
  }
}

function silence({ name }: ProviderOptions, { kind, url }: Call, attempt: number, { outcome, cause }: Broken): UserError {
  const how = { refused: 'refused the connection', lost: 'broke the connection off', timeout: `did not answer within ${REQUEST_TIMEOUT_MS / 1000} s` }[outcome];
  return new UserError(outcome === 'timeout' ? 'timeout' : 'unavailable', `${name} at ${new URL(url).host} ${how}${tries(attempt)}`, {
    cause,
    hint: kind === 'create' && outcome !== 'refused' ? UNKNOWN_OUTCOME : undefined,
  });
}

async function refusal({ name }: ProviderOptions, { kind }: Call, attempt: number, response: Response): Promise<UserError> {
  const text = await response.text().catch(() => '');
  const problem = Problem.safeParse(parseOr(text));
  const words = problem.success ? [problem.data.title, problem.data.detail?.trim()].filter(Boolean).join(': ') : text.slice(0, 500);
  return new UserError(codeOf(response.status), `${name} answered ${response.status}${tries(attempt)}${words && `: ${words}`}`, {
    hint: kind === 'create' && response.status >= 500 ? UNKNOWN_OUTCOME : hintOf(response.status),
  });
}

const UNKNOWN_OUTCOME = 'Whether the prediction exists is unknown, so it was not asked for again';

function tries(attempt: number): string {
  return attempt > 1 ? ` after ${attempt} attempts` : '';
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'unauthorized';
  if (status === 403 || status === 402) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 429 || status >= 500) return 'unavailable';
  return 'failed';
}

function hintOf(status: number): string | undefined {
  if (status === 401) return 'Check REPLICATE_API_TOKEN in the environment of the runner';
  if (status === 402) return 'The account at the provider needs credit';
  return undefined;
}

/** Has the prediction reached its end? */
export function hasEnded(prediction: Prediction): boolean {
  return endedPredictions.has(prediction.status);
}
