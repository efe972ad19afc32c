import { z } from 'zod';
import { Json } from './json.ts';

/** What stands for a large body: its JSON text lies in `snapshot_blobs` under the hash. `bytes` of UTF-8. */
export const BodyInBlob = z.strictObject({ $blob: z.string(), bytes: z.int().nonnegative() });

/**
 * Request or answer of an exchange. `body` is JSON, a text, `{"$binary": base64}`, `{"$text": …}` for what says that
 * it is JSON and is not, `{"$form": […]}`, {@link BodyInBlob}, or `{"$truncated": bytes}` when it was too large to keep.
 */
export const ExchangePart = z.looseObject({ headers: z.record(z.string(), z.string()).optional(), body: Json.optional() });
export type ExchangePart = z.infer<typeof ExchangePart>;

/** Method of the `value` that says with what a run's steps were connected: `{provider, baseUrl, reachesUs, backend}`. */
export const CONNECTIONS = 'connections';
/** Method of the `value` after which a run's exchanges were too many to be recorded. */
export const RECORDING_FULL = 'full';
/** How the `error` of an exchange begins that the run itself broke off: it was cancelled, or its time was up. */
export const BROKEN_OFF = 'aborted: ';
