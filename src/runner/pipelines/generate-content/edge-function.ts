import { checkSchema, describeProblems, step, UserError, z, Json, JsonObject } from 'stepscope';
import { modelReference, Parameters } from './parameters.ts';
import type { Payload, State } from './state.ts';
import { done, rowOf } from './tables.ts';

const EdgeRequest = z.object({
  function: z.literal('generate-content'),
  jobId: z.uuid(),
  userId: z.string().nullable(),
  payload: z.object({ model: modelReference, input: JsonObject }),
});

const authentication = step({
  key: 'authentication',
  name: 'Authentication',
  context: 'edge_function',
  schema: z.object({ userId: z.string().nullable() }),
  inputs: ({ edgeRequest }: State) => ({ userId: edgeRequest.userId }),
  async run({ userId }, { db, log }) {
    if (userId === null) {
      log.info('Called with a service key, on behalf of nobody');
      return { caller: { role: 'service_role' } };
    }
    const Roles = z.array(z.object({ role: z.string() }));
    const roles = await rowOf('read the roles of the caller', Roles, db.from('user_roles').select('role').eq('user_id', userId));
    if (!roles.some(({ role }) => role === 'admin')) {
      throw new UserError('forbidden', `user ${userId} may not run tests: the role admin is missing`, { hint: 'An admin can grant it in user_roles' });
    }
    log.info('The caller has the role admin');
    return { caller: { role: 'admin' } };
  },
});

const requestValidation = step({
  key: 'request_validation',
  name: 'Request Validation',
  context: 'edge_function',
  inputs: ({ edgeRequest }: State) => ({ request: edgeRequest }),
  schema: z.object({ request: Json }),
  async run({ request }, { db, log }) {
    const parsed = EdgeRequest.safeParse(request);
    if (!parsed.success) throw new UserError('usage', `the request does not fit: ${z.prettifyError(parsed.error)}`);
    const { jobId } = parsed.data;
    const { status } = await rowOf(`find job ${jobId}`, z.object({ status: z.string() }), db.from('jobs').select('status').eq('id', jobId).maybeSingle());
    // A job that has ended is opened again: a run that is repeated from here goes on with its parent's job.
    if (status !== 'queued') {
      log.warn(`The job was ${status}: opening it again`);
      await done('open the job again', db.from('jobs').update({ status: 'queued', error: null }).eq('id', jobId));
    }
    log.info(`The request is complete, job ${jobId} is queued`);
  },
});

const parameterFiltering = step({
  key: 'parameter_filtering',
  name: 'Parameter Filtering',
  description: 'Leaves out what the model does not take.',
  context: 'edge_function',
  schema: z.object({ input: Parameters, schema: JsonObject }),
  inputs: ({ edgeRequest, registered }: State) => ({ input: edgeRequest.payload.input, schema: registered.parameters }),
  run({ input, schema }, { log }) {
    const known = Object.keys((schema['properties'] ?? {}) as object);
    const dropped = Object.keys(input).filter((name) => !known.includes(name));
    const kept = Object.fromEntries(Object.entries(input).filter(([name]) => known.includes(name)));
    const problems = checkSchema(kept, schema);
    if (problems.length > 0) throw new UserError('usage', `the model refuses the parameters: ${describeProblems(problems)}`);
    if (dropped.length > 0) log.warn(`Left out ${dropped.join(', ')}: the model does not take ${dropped.length === 1 ? 'it' : 'them'}`);
    else log.info('The model takes every parameter');
    return { filtered: { input: kept, dropped } };
  },
});

const providerRouting = step({
  key: 'provider_routing',
  name: 'Provider Routing',
  context: 'edge_function',
  schema: z.object({ model: modelReference }),
  inputs: ({ edgeRequest }: State) => ({ model: edgeRequest.payload.model }),
  async run({ model }, { provider, webhooks, log }) {
    const endpoint = model.includes(':') ? `${provider.baseUrl}/v1/predictions` : `${provider.baseUrl}/v1/models/${model}/predictions`;
    const webhookUrl = (await webhooks())?.url ?? null;
    log.info(`${model} is served by ${provider.name}, ${webhookUrl === null ? 'which cannot reach us: polling alone' : 'with a webhook'}`, { endpoint });
    return { route: { provider: provider.name, endpoint, webhookUrl } };
  },
});

const providerApiCall = step({
  key: 'provider_api_call',
  name: 'Provider API Call',
  context: 'provider',
  effect: 'external',
  aliases: ['P2-10'],
  schema: z.object({ model: modelReference, input: Parameters, jobId: z.uuid() }),
  inputs: ({ edgeRequest, filtered }: State) => ({ model: edgeRequest.payload.model, input: filtered.input, jobId: edgeRequest.jobId }),
  async run({ model, input, jobId }, { db, provider, webhooks, run, log }) {
    // Asked for anew: a fork has a listener of its own, not its parent's.
    const webhook = (await webhooks())?.url;
    const prediction = await provider.createPrediction({ model, input, webhook, requestId: `${run.id}-${jobId}` });
    const started = { status: 'processing', provider: provider.name, provider_id: prediction.id };
    await done('note the prediction in the job', db.from('jobs').update(started).eq('id', jobId));
    log.info(`Prediction ${prediction.id} is ${prediction.status}`);
    return { prediction };
  },
});

export const callEdgeFunction = step({
  key: 'call_edge_function',
  name: 'Call Edge Function',
  context: 'edge_function',
  aliases: ['P2-9'],
  schema: z.object({ payload: z.object({ model: modelReference, input: Parameters }), jobId: z.uuid() }),
  inputs: ({ payload, job }: State) => ({ payload: { model: payload.model, input: payload.input }, jobId: job.id }),
  run({ payload, jobId }: { payload: Payload; jobId: string }, { run, log }) {
    log.info(`generate-content is called for job ${jobId}`);
    return { edgeRequest: { function: 'generate-content', jobId, userId: run.userId, payload } };
  },
  steps: [authentication, requestValidation, parameterFiltering, providerRouting, providerApiCall],
});
