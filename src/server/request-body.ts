import { jsonTextProblem } from '../core/json-limits.ts';
import { limits } from '../protocol/limits.ts';
import type { RestError } from './rest-error.ts';

/** A body that will not be read further, with the answer for its sender. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly answer: RestError;

  constructor(answer: RestError) {
    super(answer.message);
    this.answer = answer;
  }
}

/** Bytes one request may bring, by path. */
export function bodyLimit(path: string): number {
  // A blob travels as JSON text inside a row, which at worst doubles its quotes and backslashes.
  if (path === '/rest/v1/snapshot_blobs' || path === '/rest/v1/rpc/import_rows') return 24 * 1024 * 1024;
  if (path.startsWith('/functions/v1/')) return 6 * 1024 * 1024;
  // A form that brings a file; other uploads are not read here.
  if (path.startsWith('/storage/v1/object')) return 51 * 1024 * 1024;
  return limits.bodyBytes;
}

/**
 * What is read, and thrown away, of a body that is refused. A connection closed while its sender still sends
 * is reset, and the answer is lost with it.
 */
const discarded = { bytes: 256 * 1024 * 1024, ms: 3_000 };

/** How much of a body may come: what its sender says, or all that may. */
export function expectedBytes(request: Request, maxBytes: number): number {
  if (request.body === null) return 0;
  return Math.min(Number(request.headers.get('content-length') ?? maxBytes) || 0, maxBytes);
}

/**
 * The whole body of a request, or null when it has none. Throws {@link BodyError} when it is longer than
 * `maxBytes`, compressed (nobody who speaks to us compresses, and a kilobyte can unpack to a gigabyte), or
 * JSON that the database could not bear; `envelope` as in `jsonTextProblem`, undefined when whoever reads the
 * body measures it.
 */
export async function readBody(request: Request, maxBytes: number, envelope: number | undefined): Promise<Uint8Array<ArrayBuffer> | null> {
  const encoding = request.headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity') {
    await discard(request);
    throw new BodyError({
      status: 415,
      code: 'PGRST107',
      message: `bodies compressed with ${encoding} are not accepted`,
      hint: 'Send it as it is',
    });
  }
  const tooLarge: RestError = {
    status: 413,
    code: 'too-large',
    message: `the body is larger than ${maxBytes} bytes`,
    hint: 'Send fewer rows at a time',
  };
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) {
    await discard(request);
    throw new BodyError(tooLarge);
  }
  if (request.body === null) return null;

  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body.values({ preventCancel: true })) {
      length += chunk.length;
      if (length > maxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // Its sender has gone, so nobody hears this answer.
    throw new BodyError({ status: 400, code: 'usage', message: 'the request ended before its body did' });
  }
  if (length > maxBytes) {
    await discard(request);
    throw new BodyError(tooLarge);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  if (envelope !== undefined && isJson(request)) refuseHeavyJson(body, envelope);
  return body;
}

/** Reads on in a body that nobody wants, within limits. */
export async function discard(request: Request): Promise<void> {
  const until = Date.now() + discarded.ms;
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > discarded.bytes || Date.now() > until) return;
    }
  } catch {
    // Gone already: nobody waits for the answer.
  }
}

function isJson(request: Request): boolean {
  const type = request.headers.get('content-type');
  return type === null || /json/i.test(type);
}

function refuseHeavyJson(body: Uint8Array, envelope: number): void {
  const problem = jsonTextProblem(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), envelope);
  if (problem !== undefined) throw new BodyError({ status: 413, code: 'too-large', message: problem });
}
