import { encodeValue, storableText } from '../core/encode-value.ts';
import type { Masker } from '../core/mask.ts';
import type { ExchangeKind, ExchangeRow } from '../protocol/debug-rows.ts';
import { RECORDING_FULL } from '../protocol/exchange.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { newId } from './ids.ts';
import type { Rows } from './sink.ts';
import { stateLimits, type SnapshotWriter } from './snapshot-writer.ts';
import type { StepSpec } from './step-spec.ts';

/** What is asked, as far as it is known when it is. */
export interface Asked {
  readonly kind: ExchangeKind;
  /** HTTP method, or what is asked for: `id`, `now`. */
  readonly method: string;
  readonly url?: string | undefined;
}

/** A message: its headers, and a body that is JSON, a text, bytes, or nothing. */
export interface Message {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: Body;
}
export type Body =
  | { readonly json: unknown }
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  /** Too large to be kept. */
  | { readonly lost: number }
  | undefined;

/** How it went. */
export interface Answered {
  readonly request?: Message | undefined;
  readonly status?: number | undefined;
  readonly response?: Message | undefined;
  /** Why there is no answer: `ECONNREFUSED: connect …`. */
  readonly error?: string | undefined;
}

/** Turns exchanges with the outside world into rows, in the order in which they were begun. */
export interface ExchangeWriter {
  /** `isFull` once, when there are too many: a last row says so, and what follows leaves none. */
  readonly begin: (asked: Asked, step: StepSpec | undefined) => { readonly answered: (answer: Answered) => Rows; readonly isFull: boolean };
}

/** Bodies as they are stored, and compared: encoded, masked. Null when there is none. */
export function storedBody(body: Body, masker: Masker): Json {
  if (body === undefined) return null;
  if ('lost' in body) return { $truncated: body.lost };
  if ('bytes' in body) return { $binary: Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength).toString('base64') };
  if ('text' in body) return masker.text(storableText(body.text));
  return masker.marked(encodeValue(body.json, stateLimits));
}

export function createExchangeWriter(options: {
  readonly runId: string;
  readonly masker: Masker;
  readonly snapshots: SnapshotWriter;
  readonly first: number;
}): ExchangeWriter {
  const { runId, masker, snapshots } = options;
  let next = options.first;

  const part = (message: Message | undefined): { readonly part: JsonObject | null; readonly blobs: NonNullable<Rows['blobs']> } => {
    if (message === undefined) return { part: null, blobs: [] };
    const { stored, blobs } = snapshots.content(storedBody(message.body, masker));
    const headers = message.headers === undefined ? {} : { headers: masker.json(message.headers) };
    return { part: { ...headers, body: stored }, blobs: [...blobs] };
  };

  return {
    begin: ({ kind, method, url }, step) => {
      const ordinal = next;
      if (ordinal > limits.runExchanges) return { answered: () => ({}), isFull: false };
      next += 1;
      const isFull = ordinal === limits.runExchanges;
      const startedAt = new Date().toISOString();
      const startedMs = performance.now();
      const row = {
        id: newId(),
        test_run_id: runId,
        step_key: step?.key ?? null,
        attempt: step === undefined ? null : (step.attempt ?? 1),
        ordinal,
        kind,
        method,
        url: url === undefined ? null : masker.text(url),
        request: null,
        status: null,
        response: null,
        error: null,
        started_at: startedAt,
        duration_ms: null,
      } satisfies Omit<ExchangeRow, 'created_at'>;
      if (isFull) return { answered: () => ({ exchanges: [{ ...row, kind: 'value', method: RECORDING_FULL, url: null }] }), isFull };
      return {
        isFull,
        answered: ({ request, response, status, error }) => {
          const asked = part(request);
          const told = part(response);
          const blobs = [...asked.blobs, ...told.blobs];
          const done: NonNullable<Rows['exchanges']>[number] = {
            ...row,
            request: asked.part,
            response: told.part,
            status: status ?? null,
            error: error === undefined ? null : masker.text(storableText(error)),
            duration_ms: performance.now() - startedMs,
          };
          return { exchanges: [done], ...(blobs.length > 0 && { blobs }) };
        },
      };
    },
  };
}
