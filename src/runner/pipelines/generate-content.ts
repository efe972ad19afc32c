import { definePipeline, z } from 'stepscope';
import { databaseUpdate, pollingCompletion, storageUpload, uiUpdate } from './generate-content/delivery.ts';
import { callEdgeFunction } from './generate-content/edge-function.ts';
import { giveBack } from './generate-content/give-back.ts';
import { providerResponse, startPolling } from './generate-content/polling.ts';
import { calculateCost, createGenerationRecord, loadModel, prepareApiPayload, prepareInputs, reserveCredits, validateInputs } from './generate-content/preparation.ts';
import { ranges } from './generate-content/parameters.ts';
import { webhookProcessing } from './generate-content/webhook.ts';

/**
 * Generates images with a model of the registry: from the person's words to files in the storage, through
 * the calls, the waiting and the accounting that lie between.
 */
export const generateContent = definePipeline({
  key: 'generate-content',
  version: '1',
  title: 'Generate content',
  description: 'Generates images with a model of the registry and stores them.',
  // Strict: a name that nobody reads would be a wish that nobody hears.
  inputs: z.strictObject({
    prompt: ranges.prompt.describe('What the picture shows'),
    negative_prompt: ranges.negative_prompt.optional().describe('What it must not show'),
    width: ranges.width.optional().describe('Pixels; the model has a default'),
    height: ranges.height.optional().describe('Pixels; the model has a default'),
    num_outputs: ranges.num_outputs.optional().describe('How many pictures, from models that make several'),
    num_inference_steps: ranges.num_inference_steps.optional().describe('More is slower and finer'),
    guidance_scale: ranges.guidance_scale.optional().describe('How closely it follows the prompt'),
    seed: ranges.seed.optional().describe('The same seed gives the same picture'),
  }),
  example: { prompt: 'a lighthouse on a cliff at dusk, oil painting', width: 768, height: 512, seed: 42 },
  models: ['flux-schnell', 'sdxl', 'sd-1-5'],
  steps: [
    loadModel, //              1
    prepareInputs, //          2
    validateInputs, //         3
    calculateCost, //          4
    reserveCredits, //         5
    createGenerationRecord, // 6
    prepareApiPayload, //      7
    callEdgeFunction, //       8   a authentication, b request validation, c parameter filtering, d provider routing, e provider API call
    startPolling, //           9   a tier selection
    providerResponse, //       10
    webhookProcessing, //      11  a verify signature, b parse, c match run, d persist, e notify
    storageUpload, //          12
    databaseUpdate, //         13  b workflow orchestration
    pollingCompletion, //      14
    uiUpdate, //               15
  ],
  onFailure: giveBack,
});
