import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../protocol/json.ts';
import { endedPredictions, type PredictionStatus } from '../provider/prediction.ts';
import { behaviours, type Behaviour } from '../../core/simulator-behaviour.ts';
import { deliverWebhook, pause } from './deliver-webhook.ts';

/** A prediction as the simulator answers it. */
export interface SimulatedPrediction {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly input: JsonObject;
  logs: string;
  output: readonly string[] | null;
  error: string | null;
  status: PredictionStatus;
  readonly created_at: string;
  started_at: string | null;
  completed_at: string | null;
  metrics: { predict_time?: number; total_time?: number };
  readonly urls: { readonly get: string; readonly cancel: string };
}

export interface NewPrediction {
  readonly baseUrl: string;
  readonly model: string;
  readonly version: string;
  readonly input: JsonObject;
  readonly behaviour: Behaviour;
  readonly webhook: string | undefined;
  readonly webhookEvents: readonly string[];
  readonly webhookSecret: string;
  /** Aborts when the simulator closes. */
  readonly closing: AbortSignal;
}

/** How long a believable prediction waits for a machine and then computes, in milliseconds. */
const STARTING_MS = 900;
const PROCESSING_MS = 2_600;
const DENOISING_STEPS = 4;

/** A prediction that lives on by itself from `starting` to its end. */
export interface LivingPrediction {
  readonly prediction: SimulatedPrediction;
  /** Ends it as canceled, unless it has ended. */
  cancel(): void;
}

export function startPrediction(options: NewPrediction): LivingPrediction {
  const id = randomBytes(13).toString('hex');
  const prediction: SimulatedPrediction = {
    id,
    model: options.model,
    version: options.version,
    input: options.input,
    logs: '',
    output: null,
    error: null,
    status: 'starting',
    created_at: new Date().toISOString(),
    started_at: null,
    completed_at: null,
    metrics: {},
    urls: { get: `${options.baseUrl}/v1/predictions/${id}`, cancel: `${options.baseUrl}/v1/predictions/${id}/cancel` },
  };
  const canceled = new AbortController();
  void live(prediction, options, AbortSignal.any([options.closing, canceled.signal]));
  return {
    prediction,
    cancel: () => {
      if (endedPredictions.has(prediction.status)) return;
      end(prediction, 'canceled');
      canceled.abort();
      void announce(prediction, options, 'completed');
    },
  };
}

async function live(prediction: SimulatedPrediction, options: NewPrediction, stop: AbortSignal): Promise<void> {
  const { behaviour } = options;
  const factor = behaviour.latency * (behaviour.name === 'slow' ? 4 : 1);
  await pause(STARTING_MS * factor, stop);
  if (stop.aborted) return;
  prediction.status = 'processing';
  prediction.started_at = new Date().toISOString();
  prediction.logs += `Using seed: ${seedOf(prediction)}\nPrompt: ${JSON.stringify(prediction.input['prompt'])}\n`;
  void announce(prediction, options, 'start');

  for (let step = 1; step <= DENOISING_STEPS; step++) {
    await pause((PROCESSING_MS / DENOISING_STEPS) * factor, stop);
    if (stop.aborted) return;
    if (behaviour.name === 'stuck') return;
    prediction.logs += `${Math.round((100 * step) / DENOISING_STEPS)}% |${'█'.repeat(step * 2).padEnd(DENOISING_STEPS * 2)}| ${step}/${DENOISING_STEPS}\n`;
    if (behaviour.name === 'fail' && step === DENOISING_STEPS / 2) {
      prediction.error = behaviour.words ?? /"(.*)"/.exec(behaviours.fail)![1]!;
      prediction.logs += `Traceback (most recent call last):\n  File "predict.py", line 214, in predict\nException: ${prediction.error}\n`;
      end(prediction, 'failed');
      return announce(prediction, options, 'completed');
    }
  }
  const count = typeof prediction.input['num_outputs'] === 'number' ? prediction.input['num_outputs'] : 1;
  prediction.output = Array.from({ length: count }, (_, index) => `${options.baseUrl}/files/${prediction.id}/out-${index}.png`);
  end(prediction, 'succeeded');
  return announce(prediction, options, 'completed');
}

/** The seed asked for, else one that depends on the prediction alone. */
export function seedOf({ id, input }: Pick<SimulatedPrediction, 'id' | 'input'>): number {
  return typeof input['seed'] === 'number' ? input['seed'] : Number.parseInt(id.slice(0, 6), 16);
}

function end(prediction: SimulatedPrediction, status: PredictionStatus): void {
  const now = Date.now();
  prediction.status = status;
  prediction.completed_at = new Date(now).toISOString();
  prediction.metrics = {
    ...(prediction.started_at !== null && { predict_time: (now - Date.parse(prediction.started_at)) / 1000 }),
    total_time: (now - Date.parse(prediction.created_at)) / 1000,
  };
}

async function announce(prediction: SimulatedPrediction, options: NewPrediction, event: 'start' | 'completed'): Promise<void> {
  const { behaviour, webhook, webhookEvents, closing } = options;
  if (webhook === undefined || !webhookEvents.includes(event) || behaviour.name === 'webhook-lost') return;
  const delivery = {
    url: webhook,
    id: `msg_${randomBytes(12).toString('base64url')}`,
    body: JSON.stringify(prediction),
    secret: behaviour.name === 'webhook-bad-signature' ? `whsec_${randomBytes(24).toString('base64')}` : options.webhookSecret,
    sentAt: new Date(Date.now() - (behaviour.name === 'webhook-old' ? 3_600_000 : 0)),
    signal: closing,
  };
  await deliverWebhook(delivery);
  if (behaviour.name === 'webhook-twice') await deliverWebhook(delivery);
}
