import type { ExchangeRow } from '../../protocol/debug-rows.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { isObject } from '../value-tags.ts';

export interface HarOptions {
  readonly version: string;
  /** The JSON text of a stored content, for bodies that were too large to stand in their row. */
  readonly contentOf: (hash: string) => Promise<string | undefined>;
}

/** Of a run without recorded exchanges, log lines that tell of the provider stand in for them, up to this many. */
const MOST_LOG_ENTRIES = 10_000;

/**
 * What a run asked of others over HTTP, as HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): an entry for each
 * recorded request to a provider or another address. Older runs have none; then what their log tells of the provider.
 */
export async function* harText(rows: AsyncIterable<readonly TraceRow[]>, { version, contentOf }: HarOptions): AsyncGenerator<string> {
  const fromLog: JsonObject[] = [];
  let logEntries = 0;
  let entries = 0;
  let head = '';
  const entryText = (entry: JsonObject): string => `${entries++ === 0 ? head : ',\n'}${JSON.stringify(entry)}`;

  for await (const some of rows) {
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') head = headText(row as RunRow, version);
      else if (table === 'test_execution_logs' && (row as LogRow).execution_context === 'provider') {
        const entry = entryOfLog(row as LogRow);
        if (entry !== undefined && logEntries++ < MOST_LOG_ENTRIES) fromLog.push(entry);
      } else if (table === 'recorded_exchanges') {
        const exchange = row as ExchangeRow;
        if (exchange.kind === 'provider' || exchange.kind === 'fetch') yield entryText(await entryOf(exchange, contentOf));
      }
    }
  }
  const left = logEntries - fromLog.length;
  const comment = entries > 0 ? '' : left > 0 ? `made of log lines, of which ${left} more are left out` : fromLog.length > 0 ? 'made of log lines: this run recorded no exchanges' : '';
  if (entries === 0) for (const entry of fromLog) yield entryText(entry);
  yield `${entries === 0 ? head : ''}\n],"comment":${JSON.stringify(comment)}}}\n`;
}

function headText(run: RunRow, version: string): string {
  const page = {
    startedDateTime: dateOf(run.started_at ?? run.created_at),
    id: 'run',
    title: `${run.pipeline_key ?? 'run'} ${run.test_run_id}`,
    pageTimings: { onLoad: run.total_duration_ms },
  };
  return `{"log":{"version":"1.2","creator":${JSON.stringify({ name: 'stepscope', version })},"pages":[${JSON.stringify(page)}],"entries":[\n`;
}

async function entryOf(exchange: ExchangeRow, contentOf: HarOptions['contentOf']): Promise<JsonObject> {
  const asked = partsOf(exchange.request);
  const answered = partsOf(exchange.response);
  const sent = await bodyText(asked.body, contentOf);
  const got = await bodyText(answered.body, contentOf);
  const time = exchange.duration_ms ?? 0;
  const { request, response } = harPair({
    method: exchange.method ?? 'GET',
    url: exchange.url ?? '',
    headers: asked.headers,
    sent: asked.body === null ? undefined : sent,
    status: exchange.status ?? 0,
    answerHeaders: answered.headers,
    got,
  });
  return {
    pageref: 'run',
    startedDateTime: dateOf(exchange.started_at ?? exchange.created_at),
    time,
    request,
    response,
    cache: {},
    timings: { send: 0, wait: time, receive: 0 },
    comment: [exchange.step_key, exchange.error].filter((part) => part !== null).join(': '),
  };
}

/** A line that tells of a request: its data has a method and an address. */
function entryOfLog(log: LogRow): JsonObject | undefined {
  const data = isObject(log.data) ? log.data : {};
  const { url, method, status } = data;
  if (typeof url !== 'string') return undefined;
  const time = log.duration_ms ?? 0;
  return {
    pageref: 'run',
    startedDateTime: dateOf(log.timestamp),
    time,
    ...harPair({
      method: typeof method === 'string' ? method : 'GET',
      url,
      headers: [],
      sent: undefined,
      status: typeof status === 'number' ? status : 0,
      answerHeaders: [],
      got: { text: log.message, size: log.message.length, comment: 'the line of the log' },
    }),
    cache: {},
    timings: { send: 0, wait: time, receive: 0 },
    comment: log.step_key ?? '',
  };
}

interface Header {
  readonly name: string;
  readonly value: string;
}

interface Body {
  readonly text: string;
  readonly size: number;
  readonly encoding?: 'base64';
  readonly comment?: string;
}

function harPair(of: {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly Header[];
  readonly sent: Body | undefined;
  readonly status: number;
  readonly answerHeaders: readonly Header[];
  readonly got: Body;
}): { readonly request: JsonObject; readonly response: JsonObject } {
  const common = { httpVersion: 'HTTP/1.1', cookies: [], headersSize: -1 };
  const query = URL.canParse(of.url) ? [...new URL(of.url).searchParams].map(([name, value]) => ({ name, value })) : [];
  const post = of.sent === undefined ? {} : { postData: { mimeType: typeOf(of.headers), text: of.sent.text, ...(of.sent.comment === undefined ? {} : { comment: of.sent.comment }) } };
  return {
    request: { method: of.method, url: of.url, ...common, headers: of.headers as unknown as Json, queryString: query, bodySize: of.sent?.size ?? 0, ...post },
    response: {
      status: of.status,
      statusText: '',
      ...common,
      headers: of.answerHeaders as unknown as Json,
      content: { mimeType: typeOf(of.answerHeaders), ...of.got } as unknown as JsonObject,
      redirectURL: of.answerHeaders.find(({ name }) => name.toLowerCase() === 'location')?.value ?? '',
      bodySize: of.got.size,
    },
  };
}

function partsOf(part: Json): { readonly headers: readonly Header[]; readonly body: Json } {
  if (!isObject(part)) return { headers: [], body: part };
  const headers = isObject(part['headers'] ?? null) ? Object.entries(part['headers'] as JsonObject) : [];
  return { headers: headers.map(([name, value]) => ({ name, value: typeof value === 'string' ? value : JSON.stringify(value) })), body: part['body'] ?? null };
}

async function bodyText(body: Json, contentOf: HarOptions['contentOf']): Promise<Body> {
  if (body === null) return { text: '', size: 0 };
  if (typeof body === 'string') return { text: body, size: utf8Length(body) };
  if (isObject(body) && typeof body['$blob'] === 'string') {
    const content = await contentOf(body['$blob']);
    if (content === undefined) return { text: '', size: Number(body['bytes'] ?? 0), comment: 'the body is not stored any more' };
    return await bodyText(parsed(content), contentOf);
  }
  if (isObject(body) && typeof body['$binary'] === 'string') return { text: body['$binary'], size: Math.floor((body['$binary'].length * 3) / 4), encoding: 'base64' };
  if (isObject(body) && typeof body['$text'] === 'string') return { text: body['$text'], size: utf8Length(body['$text']) };
  if (isObject(body) && typeof body['$truncated'] === 'number') return { text: '', size: body['$truncated'], comment: 'the body was too large to be recorded' };
  const text = JSON.stringify(body);
  return { text, size: utf8Length(text) };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

const typeOf = (headers: readonly Header[]): string => headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value ?? 'application/octet-stream';
const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
const dateOf = (timestamp: string): string => (Number.isNaN(Date.parse(timestamp)) ? timestamp : new Date(timestamp).toISOString());
