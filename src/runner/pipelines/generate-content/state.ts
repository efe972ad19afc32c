import type { InitialState, JsonObject, Prediction } from 'stepscope';

/** What a person asks for. */
export interface Request {
  readonly prompt: string;
  readonly negative_prompt?: string;
  readonly width?: number;
  readonly height?: number;
  readonly num_outputs?: number;
  readonly num_inference_steps?: number;
  readonly guidance_scale?: number;
  readonly seed?: number;
}

/** The model as the registry has it. */
export interface Model {
  readonly id: string;
  readonly name: string;
  readonly provider: string;
  /** The provider's own name: `owner/name` or `owner/name:version`. */
  readonly ref: string;
  readonly contentType: string;
  readonly creditsPerImage: number;
  /** JSON Schema of the parameters it takes. */
  readonly parameters: JsonObject;
}

/** Credits taken before anything is made, for a job that is still to come. */
export interface Reservation {
  readonly jobId: string;
  /** 0 in test mode. */
  readonly charged: number;
  readonly wouldHaveCharged: number;
}

export interface Payload {
  readonly model: string;
  readonly input: JsonObject;
}

/** How often to look at a prediction, and how long at most. */
export interface PollingTier {
  readonly name: 'fast' | 'standard' | 'slow';
  readonly intervalMs: number;
  readonly giveUpAfterMs: number;
}

export interface Delivery {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedAt: string;
}

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly sha256: string;
}

/** What a run knows. Each line is what the step of the number returns. */
export interface State extends InitialState<Request> {
  /** 1 */ readonly registered: Model;
  /** 2 */ readonly parameters: JsonObject;
  /** 4 */ readonly cost: { readonly credits: number; readonly perImage: number; readonly images: number };
  /** 5 */ readonly reservation: Reservation;
  /** 6 */ readonly job: { readonly id: string; readonly status: string };
  /** 7 */ readonly payload: Payload;
  /** 8 */ readonly edgeRequest: { readonly function: string; readonly jobId: string; readonly userId: string | null; readonly payload: Payload };
  /** 8a */ readonly caller: { readonly role: string };
  /** 8c */ readonly filtered: { readonly input: JsonObject; readonly dropped: readonly string[] };
  /** 8d */ readonly route: { readonly provider: string; readonly endpoint: string; readonly webhookUrl: string | null };
  /** 8e, 9, 10 */ readonly prediction: Prediction;
  /** 9a */ readonly tier: PollingTier;
  /** 10 */ readonly polls: number;
  /** 11 */ readonly delivery: Delivery | null;
  /** 11a */ readonly webhook: { readonly id: string; readonly sentAt: string };
  /** 11b */ readonly announced: { readonly predictionId: string; readonly status: string; readonly outputs: readonly string[] };
  /** 12 */ readonly files: readonly StoredFile[];
}
