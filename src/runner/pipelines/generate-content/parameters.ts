import { z, type JsonObject } from 'stepscope';

const side = z.int().min(64).max(2048).multipleOf(8);

/** What any model could make of these; each has narrower limits of its own, in the registry. */
export const ranges = {
  prompt: z.string().trim().min(1).max(4_000),
  negative_prompt: z.string().max(4_000),
  width: side,
  height: side,
  num_outputs: z.int().min(1).max(4),
  num_inference_steps: z.int().min(1).max(100),
  guidance_scale: z.number().min(0).max(20),
  seed: z.int().min(0).max(4_294_967_295),
};

/** Parameters on their way to a model: what is known is in its range, and what else the model may take passes. */
export const Parameters = z.looseObject(ranges).partial().required({ prompt: true }) as z.ZodType as z.ZodType<JsonObject>;

/** A model by the provider's name for it. */
export const modelReference = z.string().regex(/^[\w.-]+\/[\w.-]+(?::\w+)?$/, 'must be owner/name or owner/name:version');
