import { z } from 'zod';
import { JsonObject, Json } from '../../protocol/json.ts';

/** Where a prediction stands, in Replicate's words. */
export const PredictionStatus = z.enum(['starting', 'processing', 'succeeded', 'failed', 'canceled']);
export type PredictionStatus = z.infer<typeof PredictionStatus>;

/** One prediction as Replicate's HTTP API and its webhooks tell it; fields we do not read are dropped. */
export const Prediction = z.object({
  id: z.string(),
  model: z.string(),
  version: z.string().nullish(),
  input: JsonObject,
  logs: z.string().nullish().transform((logs) => logs ?? ''),
  output: Json.nullish().transform((output) => output ?? null),
  error: z.string().nullish().transform((error) => error ?? null),
  status: PredictionStatus,
  created_at: z.string(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  metrics: z.object({ predict_time: z.number().optional(), total_time: z.number().optional() }).nullish(),
  urls: z.object({ get: z.string(), cancel: z.string() }).partial().default({}),
});
export type Prediction = z.infer<typeof Prediction>;

/** Statuses after which a prediction never changes again. */
export const endedPredictions: ReadonlySet<PredictionStatus> = new Set(['succeeded', 'failed', 'canceled']);

/** What a failing call answers: a problem document, or Replicate's older `{detail}`. */
export const Problem = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  status: z.int().optional(),
});
export type Problem = z.infer<typeof Problem>;

/** The files of a finished prediction: models answer one address or a list of them. */
export function outputUrls(prediction: Prediction): readonly string[] {
  const output = prediction.output;
  const values = Array.isArray(output) ? (output as readonly Json[]) : [output];
  return values.filter((value) => typeof value === 'string');
}
