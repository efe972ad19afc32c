import { endedPredictions, step, UserError, z, type Prediction } from 'stepscope';
import type { PollingTier, State } from './state.ts';

/** Chosen by how much there is to compute; the first whose work is not exceeded. */
const tiers: readonly (PollingTier & { readonly upTo: number })[] = [
  { name: 'fast', upTo: 10, intervalMs: 500, giveUpAfterMs: 60_000 },
  { name: 'standard', upTo: 60, intervalMs: 1_000, giveUpAfterMs: 300_000 },
  { name: 'slow', upTo: Number.POSITIVE_INFINITY, intervalMs: 3_000, giveUpAfterMs: 900_000 },
];

const tierSelection = step({
  key: 'tier_selection',
  name: 'Tier Selection',
  context: 'client',
  schema: z.object({ megapixels: z.number().positive(), images: z.int().min(1), steps: z.int().min(1) }),
  inputs: ({ filtered: { input } }: State) => ({
    megapixels: (Number(input['width'] ?? 1024) * Number(input['height'] ?? 1024)) / 1e6,
    images: Number(input['num_outputs'] ?? 1),
    steps: Number(input['num_inference_steps'] ?? 4),
  }),
  run({ megapixels, images, steps }, { log }) {
    const work = megapixels * images * steps;
    const { upTo: _, ...tier } = tiers.find(({ upTo }) => work <= upTo)!;
    log.info(`${work.toFixed(1)} megapixel steps: ${tier.name}, looking every ${tier.intervalMs} ms for at most ${tier.giveUpAfterMs / 1000} s`);
    return { tier };
  },
});

export const startPolling = step({
  key: 'start_polling',
  name: 'Start Polling',
  context: 'client',
  aliases: ['P2-11'],
  schema: z.object({ predictionId: z.string() }),
  inputs: ({ prediction }: State) => ({ predictionId: prediction.id }),
  async run({ predictionId }, { provider, log }) {
    const prediction = await provider.getPrediction(predictionId);
    log.info(`First look at ${predictionId}: ${prediction.status}`);
    return { prediction };
  },
  steps: [tierSelection],
});

export const providerResponse = step({
  key: 'provider_response',
  name: 'Provider Response',
  description: 'Looks at the prediction until it has ended.',
  context: 'provider',
  timeoutMs: 15 * 60_000,
  schema: z.object({ predictionId: z.string(), intervalMs: z.int().min(50), giveUpAfterMs: z.int().positive() }),
  inputs: ({ prediction, tier }: State) => ({ predictionId: prediction.id, intervalMs: tier.intervalMs, giveUpAfterMs: tier.giveUpAfterMs }),
  async run({ predictionId, intervalMs, giveUpAfterMs }, { provider, log, now, sleep }) {
    const startedAt = now();
    let said = 0;
    for (let polls = 1; ; polls++) {
      const prediction = await provider.getPrediction(predictionId);
      for (const line of prediction.logs.slice(said).split('\n').filter(Boolean)) log.debug(`provider: ${line}`);
      said = prediction.logs.length;
      if (endedPredictions.has(prediction.status)) return { prediction: succeeded(prediction), polls };
      log.debug(`Poll ${polls}: ${prediction.status}`);
      if (now() - startedAt + intervalMs > giveUpAfterMs) {
        await provider.cancelPrediction(predictionId);
        throw new UserError('timeout', `the prediction is still ${prediction.status} after ${giveUpAfterMs / 1000} s and ${polls} looks; it was cancelled`);
      }
      await sleep(intervalMs);
    }
  },
});

function succeeded(prediction: Prediction): Prediction {
  if (prediction.status === 'succeeded') return prediction;
  throw new UserError('failed', prediction.error ?? `the prediction was ${prediction.status}`, {
    hint: `These are the provider's words about prediction ${prediction.id}`,
  });
}
