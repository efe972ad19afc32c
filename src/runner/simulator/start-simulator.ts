import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { UserError } from '../../protocol/error.ts';
import { parseBehaviour, type Behaviour } from '../../core/simulator-behaviour.ts';
import { BEHAVIOUR_HEADER } from './behaviour-header.ts';
import { paintPicture } from './picture.ts';
import { encodePng } from './png.ts';
import { seedOf, startPrediction, type LivingPrediction } from './prediction-life.ts';

/** A provider on this machine. */
export interface Simulator {
  readonly url: string;
  /** The bearer token it accepts; made anew at each start. */
  readonly token: string;
  close(): Promise<void>;
}




/** The request header by which a caller names one create, through all its attempts. */
export const REQUEST_ID_HEADER = 'x-request-id';

const Create = z.object({
  version: z.string().optional(),
  input: JsonObject,
  webhook: z.url().optional(),
  webhook_events_filter: z.array(z.string()).default(['start', 'completed']),
});

/** What every model of the simulator takes. */
const PictureInput = z.looseObject({
  prompt: z.string().min(1),
  width: z.int().min(16).max(2048).default(1024),
  height: z.int().min(16).max(2048).default(1024),
  seed: z.int().optional(),
  num_outputs: z.int().min(1).max(4).default(1),
});

/**
 * Starts a server on the loopback that speaks Replicate's predictions protocol: create by version or by
 * model, get, cancel, the secret of the webhooks, and the files of a finished prediction, which are real
 * images. It takes time, unless told not to.
 */
export async function startSimulator(options: { readonly port?: number | undefined } = {}): Promise<Simulator> {
  const token = `r8_${randomBytes(20).toString('base64url')}`;
  const webhookSecret = `whsec_${randomBytes(24).toString('base64')}`;
  const predictions = new Map<string, LivingPrediction>();
  const throttled = new Map<string, number>();
  const closing = new AbortController();
  let url = '';

  const app = new Hono();
  app.use('/v1/*', bodyLimit({ maxSize: limits.bodyBytes, onError: (context) => problem(context, 413, 'Request entity too large', 'The body is larger than 1 MB.') }));
  app.use('/v1/*', async (context, next) => {
    if (context.req.header('authorization') === `Bearer ${token}`) return next();
    return problem(context, 401, 'Unauthenticated', 'You did not pass a valid authentication token');
  });
  app.post('/v1/predictions', (context) => create(context, undefined));
  app.post('/v1/models/:owner/:name/predictions', (context) => create(context, `${context.req.param('owner')}/${context.req.param('name')}`));
  app.get('/v1/predictions/:id', (context) => {
    const found = predictions.get(context.req.param('id'));
    return found ? context.json(found.prediction) : problem(context, 404, 'Not found', FORGOTTEN);
  });
  app.post('/v1/predictions/:id/cancel', (context) => {
    const found = predictions.get(context.req.param('id'));
    if (!found) return problem(context, 404, 'Not found', FORGOTTEN);
    found.cancel();
    return context.json(found.prediction);
  });
  app.get('/v1/webhooks/default/secret', (context) => context.json({ key: webhookSecret }));
  // Without a token, as the provider's delivery addresses are: who knows the address may read.
  app.get('/files/:id/:file', async (context) => {
    const found = predictions.get(context.req.param('id'))?.prediction;
    const index = /^out-(\d)\.png$/.exec(context.req.param('file'))?.[1];
    if (!found?.output || index === undefined || Number(index) >= found.output.length) return context.notFound();
    const { prompt, width, height } = PictureInput.parse(found.input);
    const seed = seedOf(found) + Number(index);
    const picture = await encodePng(paintPicture(prompt, seed, width, height), `${prompt} (seed ${seed}, painted by the stepscope simulator)`);
    return context.body(new Uint8Array(picture), 200, { 'content-type': 'image/png', 'cache-control': 'public, max-age=3600' });
  });
  app.notFound((context) => problem(context, 404, 'Not found', 'The requested resource could not be found.'));

  async function create(context: Context, model: string | undefined): Promise<Response> {
    const behaviour = behaviourOf(context);
    if (behaviour instanceof UserError) return problem(context, 400, 'Unknown behaviour', `${behaviour.message}. ${behaviour.hint}`);
    if (behaviour.name === 'create-500') return problem(context, 500, 'Internal server error', 'An unexpected error occurred.');
    if (behaviour.name === 'create-422') return problem(context, 422, 'Input validation failed', '- input: the input was refused by the model\n');
    const body = Create.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return problem(context, 422, 'Input validation failed', issues(body.error));
    const input = PictureInput.safeParse(body.data.input);
    if (!input.success) return problem(context, 422, 'Input validation failed', issues(input.error, 'input'));
    if (model === undefined && body.data.version === undefined) return problem(context, 422, 'Input validation failed', '- version is required\n');
    if (behaviour.name === 'rate-limit' && isThrottled(context)) {
      context.header('retry-after', '1');
      return problem(context, 429, 'Too many requests', 'Request was throttled. Expected available in 1 second.');
    }
    const [name, version] = model === undefined ? splitVersion(body.data.version!) : [model, 'hidden'];
    const life = startPrediction({
      baseUrl: url,
      model: name,
      version,
      input: body.data.input,
      behaviour,
      webhook: body.data.webhook,
      webhookEvents: body.data.webhook_events_filter,
      webhookSecret,
      closing: closing.signal,
    });
    predictions.set(life.prediction.id, life);
    return context.json(life.prediction, 201);
  }

  /** Each caller is refused twice; the header by which it names its request tells callers apart. */
  function isThrottled(context: Context): boolean {
    const caller = context.req.header(REQUEST_ID_HEADER) ?? 'anybody';
    const refusals = throttled.get(caller) ?? 0;
    throttled.set(caller, refusals + 1);
    return refusals < 2;
  }

  // It would put a Response of its own in the place of Node's, for the whole thread.
  const server = serve({ overrideGlobalObjects: false, fetch: app.fetch, hostname: '127.0.0.1', port: options.port ?? 0 });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token,
    close: () => {
      closing.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      });
    },
  };
}

function behaviourOf(context: Context): Behaviour | UserError {
  try {
    return parseBehaviour(context.req.header(BEHAVIOUR_HEADER));
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** `owner/name:version` or a bare version. */
function splitVersion(reference: string): readonly [model: string, version: string] {
  const [model, version] = reference.split(':');
  return version === undefined ? ['simulated/model', model!] : [model!, version];
}

function issues(error: z.ZodError, under?: string): string {
  return error.issues.map((issue) => `- ${[under, ...issue.path].filter((part) => part !== undefined).join('.')}: ${issue.message}\n`).join('');
}

/** Of a prediction that an earlier process has made: a run that was held meanwhile may ask for it. */
const FORGOTTEN = 'The requested resource could not be found. The simulator keeps predictions in memory and forgets them with its process.';

function problem(context: Context, status: 400 | 401 | 404 | 413 | 422 | 429 | 500, title: string, detail: string): Response {
  return context.body(JSON.stringify({ title, detail, status }), status, { 'content-type': 'application/problem+json' });
}
