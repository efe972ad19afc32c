import { decodeValue } from '../../core/decode-value.ts';
import type { RecordedExchange } from '../../core/exchange-match.ts';
import { bodyOf, unmarked } from '../../core/exchange-match.ts';
import { isObject } from '../../core/value-tags.ts';
import type { Json } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { Body, Message } from '../../tracker/exchange-writer.ts';

/** Headers that say who asks and how bytes travel; nothing that an answer depends on. */
const leftOut = /^(?:authorization|apikey|cookie|set-cookie|user-agent|x-client-info|connection|keep-alive|transfer-encoding|content-encoding|content-length|date|host|accept-encoding|accept-language|sec-fetch-mode|server|vary|access-control-.*)$/;

/** A request or an answer, read to its end: at most {@link limits.blobBytes}, or its size alone. */
export async function readMessage(message: Request | Response): Promise<Message> {
  const headers: Record<string, string> = {};
  message.headers.forEach((value, name) => {
    if (!leftOut.test(name)) headers[name] = value;
  });
  return { headers, body: await readBody(message) };
}

async function readBody(message: Request | Response): Promise<Body> {
  const type = message.headers.get('content-type') ?? '';
  // Its parts are parted by a text that is new every time.
  if (type.startsWith('multipart/form-data')) return { json: await readForm(message) };
  const bytes = await readBytes(message.body);
  if (bytes === undefined) return undefined;
  if (typeof bytes === 'number') return { lost: bytes };
  return bodyOfBytes(bytes, type);
}

async function readForm(message: Request | Response): Promise<unknown> {
  const fields: unknown[] = [];
  for (const [name, value] of await message.formData()) {
    if (typeof value === 'string') fields.push([name, value]);
    else fields.push([name, { name: value.name, type: value.type, $binary: Buffer.from(await value.arrayBuffer()).toString('base64') }]);
  }
  return { $form: fields };
}

/** The bytes; how many they would have been, for too many; undefined for none. */
async function readBytes(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array | number | undefined> {
  if (stream === null) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limits.blobBytes) return size;
    chunks.push(chunk);
  }
  return size === 0 ? undefined : Buffer.concat(chunks);
}

function bodyOfBytes(bytes: Uint8Array, type: string): Body {
  if (/[/+]json\b/.test(type)) {
    const text = Buffer.from(bytes).toString('utf8');
    try {
      return { json: JSON.parse(text) as unknown };
    } catch {
      return { json: { $text: text } };
    }
  }
  if (type !== '' && !/^text\/|[/+]xml|x-www-form-urlencoded|event-stream|javascript/.test(type)) return { bytes };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { bytes };
  }
}

/** What `fetch` gave, made anew from its record. Throws what it threw. */
export function answerOf(exchange: RecordedExchange): Response {
  if (exchange.status === null) throw connectionError(exchange.error ?? 'the recording has no answer');
  const { status, response } = exchange;
  const headers = new Headers();
  const recorded = response !== null && isObject(response) ? response['headers'] : undefined;
  if (recorded !== undefined && isObject(recorded)) for (const [name, value] of Object.entries(recorded)) headers.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  const body = bodyBytes(bodyOf(response), headers.get('content-type') ?? '');
  const answer = new Response(hasNoBody(status) ? null : body, { status, headers });
  if (exchange.url !== null) Object.defineProperty(answer, 'url', { value: exchange.url });
  return answer;
}

/** Statuses with which a `Response` may not have a body, not even an empty one. */
function hasNoBody(status: number): boolean {
  return [101, 204, 205, 304].includes(status);
}

function bodyBytes(body: Json, type: string): string | Uint8Array<ArrayBuffer> | null {
  if (body === null) return null;
  if (isObject(body) && typeof body['$binary'] === 'string') return new Uint8Array(Buffer.from(body['$binary'], 'base64'));
  const value = decodeValue(unmarked(body));
  if (typeof value === 'string' && !/[/+]json\b/.test(type)) return value;
  if (value !== null && typeof value === 'object' && '$text' in value) return String(value.$text);
  return JSON.stringify(value);
}

/** How a request failed, as it is recorded: the code of the system, or the error's name, and its words. */
export function failureWords(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const inner = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  if (inner instanceof Error && 'code' in inner) return `${String(inner.code)}: ${inner.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function connectionError(words: string): Error {
  const [, code = '', message = words] = /^(\w+): (.*)$/s.exec(words) ?? [];
  if (code === 'TimeoutError' || code === 'AbortError') return new DOMException(message, code);
  return new TypeError('fetch failed', { cause: Object.assign(new Error(message), code === '' ? {} : { code }) });
}
