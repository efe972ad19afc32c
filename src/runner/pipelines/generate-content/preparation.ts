import { createHash } from 'node:crypto';
import { checkSchema, describeProblems, JsonObject, step, UserError, z, type StepContext } from 'stepscope';
import { ledgerEntry } from './ledger.ts';
import { modelReference, Parameters } from './parameters.ts';
import type { Model, Payload, Reservation, State } from './state.ts';
import { done, rowOf } from './tables.ts';
import { counted } from './words.ts';

const RegisteredModel = z.object({
  model_record_id: z.string(),
  model_name: z.string(),
  model_provider: z.string(),
  model_content_type: z.string(),
  provider_ref: z.string(),
  cost_credits: z.coerce.number(),
  is_active: z.boolean(),
  parameters: JsonObject,
});

export const loadModel = step({
  key: 'load_model',
  name: 'Load Model from Registry',
  context: 'database',
  schema: z.object({ model: z.string().min(1) }),
  inputs: (state: State) => ({ model: state.model ?? 'flux-schnell' }),
  async run({ model }, { db, log }) {
    const found = await rowOf(`load the model "${model}" from the registry`, RegisteredModel, db.from('models').select('*').eq('model_record_id', model).maybeSingle());
    if (!found.is_active) log.warn(`${found.model_name} is inactive: people are not offered it`);
    const registered: Model = {
      id: found.model_record_id,
      name: found.model_name,
      provider: found.model_provider,
      ref: found.provider_ref,
      contentType: found.model_content_type,
      creditsPerImage: found.cost_credits,
      parameters: found.parameters,
    };
    log.info(`${registered.name} by ${registered.provider}, ${counted(registered.creditsPerImage, 'credit')} an image`, { ref: registered.ref });
    return { registered };
  },
});

export const prepareInputs = step({
  key: 'prepare_inputs',
  name: 'Prepare Inputs',
  context: 'client',
  schema: z.object({ request: Parameters, model: z.string() }),
  inputs: ({ inputs, registered }: State) => ({ request: inputs, model: registered.name }),
  run({ request }, { run, log }) {
    const seed = request['seed'] ?? seedOf(run.id);
    if (request['seed'] === undefined) log.info('No seed given: drew one, so that the picture can be made again', { seed });
    const parameters = { width: 1024, height: 1024, ...request, seed };
    log.debug('Parameters after defaults', parameters);
    return { parameters };
  },
});

/** A seed that is the same each time the step is looked at again. */
function seedOf(runId: string): number {
  return createHash('sha256').update(runId).digest().readUInt32BE(0);
}

export const validateInputs = step({
  key: 'validate_inputs',
  name: 'Validate Inputs',
  context: 'client',
  schema: z.object({ parameters: Parameters, schema: JsonObject }),
  inputs: ({ parameters, registered }: State) => ({ parameters, schema: registered.parameters }),
  run({ parameters, schema }, { log }) {
    const problems = checkSchema(parameters, schema);
    if (problems.length > 0) {
      throw new UserError('usage', `the inputs do not fit the model: ${describeProblems(problems)}`, {
        hint: 'Edit the inputs of this step, or choose another model',
      });
    }
    log.info(`${Object.keys(parameters).length} parameters fit the model's schema`);
    return { parameters };
  },
});

/** A model that takes no number of images makes one, whatever is asked. */
function imagesOf(parameters: JsonObject, { parameters: schema }: Model): number {
  const takesNumber = Object.hasOwn((schema['properties'] ?? {}) as object, 'num_outputs');
  return takesNumber ? Number(parameters['num_outputs'] ?? 1) : 1;
}

export const calculateCost = step({
  key: 'calculate_cost',
  name: 'Calculate Cost',
  context: 'client',
  schema: z.object({ creditsPerImage: z.number().nonnegative(), images: z.int().min(1) }),
  inputs: ({ registered, parameters }: State) => ({ creditsPerImage: registered.creditsPerImage, images: imagesOf(parameters, registered) }),
  run({ creditsPerImage, images }, { log }) {
    const credits = creditsPerImage * images;
    log.info(`${images} × ${creditsPerImage} = ${counted(credits, 'credit')}`);
    return { cost: { credits, perImage: creditsPerImage, images } };
  },
});

export const reserveCredits = step({
  key: 'reserve_credits',
  name: 'Reserve Credits',
  description: 'Takes the credits before anything is made. In test mode the ledger says what would have been taken.',
  context: 'database',
  effect: 'idempotent',
  schema: z.object({ credits: z.number().nonnegative() }),
  inputs: ({ cost }: State) => ({ credits: cost.credits }),
  async run({ credits }, context) {
    const { billing, run, db, log, newId } = context;
    const reservation: Reservation = { jobId: newId(), charged: billing === 'enforced' ? credits : 0, wouldHaveCharged: credits };
    await done('write into the ledger', db.from('credit_ledger').insert(ledgerEntry(run, reservation, 'debit', 'generate-content')));
    context.charge(credits);
    if (billing === 'test') log.info(`Test mode: charged nothing, would have charged ${counted(credits, 'credit')}`);
    else await refuseDebt(reservation, context);
    return { reservation };
  },
});

/** Looks after the debit, not before: of two runs that share the last credit, at least one then sees that it is gone. */
async function refuseDebt(reservation: Reservation, { db, run, log }: StepContext): Promise<void> {
  const Amounts = z.array(z.object({ amount: z.coerce.number() }));
  const mine = db.from('credit_ledger').select('amount');
  const entries = await rowOf('read the balance', Amounts, run.userId === null ? mine.is('user_id', null) : mine.eq('user_id', run.userId));
  const balance = entries.reduce((sum, entry) => sum + entry.amount, 0);
  if (balance >= 0) return log.info(`Charged ${counted(reservation.charged, 'credit')}, ${balance} left`);
  await done('take the debit back', db.from('credit_ledger').insert(ledgerEntry(run, reservation, 'refund', 'not enough credits')));
  throw new UserError('forbidden', `the run costs ${counted(reservation.charged, 'credit')} and the ledger holds ${balance + reservation.charged}`, {
    hint: 'Run it with billing `test`, or grant credits in the ledger',
  });
}

const Job = z.object({ id: z.string(), status: z.string() });

export const createGenerationRecord = step({
  key: 'create_generation_record',
  name: 'Create Generation Record',
  context: 'database',
  effect: 'idempotent',
  schema: z.object({ jobId: z.uuid(), input: Parameters, model: z.string().min(1) }),
  inputs: ({ parameters, registered, reservation }: State) => ({ jobId: reservation.jobId, input: parameters, model: registered.id }),
  async run({ jobId, input, model }, { db, run, billing, provider, log, link }) {
    const record = { id: jobId, user_id: run.userId, run_id: run.id, job_type: 'generate', status: 'queued', provider: provider.name, input: { model, ...input }, is_test: billing === 'test' };
    const job = await rowOf('create the job', Job, db.from('jobs').upsert(record).select('id, status').single());
    link({ generationId: job.id, jobId: job.id });
    log.info(`Job ${job.id} is ${job.status}`);
    return { job };
  },
});

export const prepareApiPayload = step({
  key: 'prepare_api_payload',
  name: 'Prepare API Payload',
  context: 'client',
  schema: z.object({ model: modelReference, parameters: Parameters }),
  inputs: ({ registered, parameters }: State) => ({ model: registered.ref, parameters }),
  run({ model, parameters }, { log }) {
    const payload: Payload = { model, input: parameters };
    log.debug(`Payload of ${JSON.stringify(payload).length} bytes for ${model}`, payload);
    return { payload };
  },
});
