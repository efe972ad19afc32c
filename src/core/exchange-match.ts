import type { ExchangeRow } from '../protocol/debug-rows.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { diffJson, type Difference } from './json-diff.ts';
import { isSensitiveKey } from './sensitive-key.ts';
import { isObject } from './value-tags.ts';

/** An exchange with its bodies at hand, whatever their size. */
export type RecordedExchange = Pick<ExchangeRow, 'step_key' | 'ordinal' | 'kind' | 'method' | 'url' | 'request' | 'status' | 'response' | 'error'>;

/** What today's code asks, encoded and masked as recorded bodies are. */
export interface AskedAgain {
  readonly step: string | null;
  readonly kind: ExchangeRow['kind'];
  readonly method: string;
  readonly url: string | null;
  /** Undefined when it is not to be compared: what is asked of a context has no body. */
  readonly body: Json | undefined;
}

export interface FoundExchange {
  readonly exchange: RecordedExchange;
  /** How today's request differs from the recorded one: `/query/…`, `/body/…`. */
  readonly differences: readonly Difference[];
}

/** Recorded answers of a run, each given once. */
export interface ExchangeMatcher {
  /**
   * The answer to a request: the same step, kind, method and address, in the order of the recording. Of several, the one
   * whose query and body are the same comes first; otherwise the next one, with what differs. Undefined when there is none.
   */
  readonly take: (asked: AskedAgain) => FoundExchange | undefined;
  /** What the step asked of the same side, and has not been asked again so far. For saying what was expected instead. */
  readonly expected: (asked: AskedAgain) => RecordedExchange | undefined;
  /** Recorded requests of the step (null: of no step) that nobody has asked again. */
  readonly left: (step: string | null) => readonly RecordedExchange[];
}

export function matchExchanges(recorded: readonly RecordedExchange[]): ExchangeMatcher {
  const waiting = new Map<string, RecordedExchange[]>();
  for (const exchange of recorded.toSorted((a, b) => a.ordinal - b.ordinal)) {
    const key = keyOf(exchange.step_key, exchange.kind, exchange.method ?? '', exchange.url);
    const same = waiting.get(key);
    if (same === undefined) waiting.set(key, [exchange]);
    else same.push(exchange);
  }
  const ofStep = (step: string | null): readonly RecordedExchange[] => [...waiting.values()].flat().filter((one) => one.step_key === step).toSorted((a, b) => a.ordinal - b.ordinal);

  return {
    take: (asked) => {
      const candidates = waiting.get(keyOf(asked.step, asked.kind, asked.method, asked.url));
      if (candidates === undefined || candidates.length === 0) return undefined;
      let first: FoundExchange | undefined;
      for (const [index, exchange] of candidates.entries()) {
        const differences = requestDifferences(exchange, asked);
        if (differences.length === 0) {
          candidates.splice(index, 1);
          return { exchange, differences };
        }
        first ??= { exchange, differences };
      }
      candidates.shift();
      return first;
    },
    expected: (asked) => ofStep(asked.step).find((one) => one.kind === asked.kind),
    left: (step) => ofStep(step),
  };
}

/** A value in which masked texts are texts again: what was marked once, and what came back from a recording, are the same. */
export function unmarked(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(unmarked);
  const object = value as JsonObject;
  const keys = Object.keys(object);
  if (keys.length === 1 && keys[0] === '$secret') return object['$secret']!;
  return Object.fromEntries(keys.map((key) => [key, unmarked(object[key]!)]));
}

/** `body` of a recorded request or answer; null when there is none. */
export function bodyOf(part: Json | null): Json {
  return part !== null && isObject(part) ? (part['body'] ?? null) : null;
}

function requestDifferences(exchange: RecordedExchange, asked: AskedAgain): readonly Difference[] {
  const before: JsonObject = { query: queryOf(exchange.url), body: unmarked(bodyOf(exchange.request)) };
  const after: JsonObject = { query: queryOf(asked.url), body: unmarked(asked.body ?? null) };
  if (asked.body === undefined) return diffJson({ query: before['query']! }, { query: after['query']! });
  return diffJson(before, after);
}

function keyOf(step: string | null, kind: string, method: string, url: string | null): string {
  return JSON.stringify([step, kind, method, url === null ? '' : addressOf(url)]);
}

/** Without the port of this machine: what runs here, as the simulator does, is given another each time. */
function addressOf(url: string): string {
  return url.split(/[?#]/, 1)[0]!.replace(/^(https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\])):\d+/, '$1');
}

/** The query by name, so that its order does not matter, and without what says who asks. */
function queryOf(url: string | null): JsonObject {
  const at = url?.indexOf('?') ?? -1;
  if (url === null || at === -1) return {};
  const found: Record<string, Json> = {};
  for (const [name, value] of new URLSearchParams(url.slice(at + 1).split('#', 1)[0])) {
    if (isSensitiveKey(name)) continue;
    const known = found[name];
    found[name] = known === undefined ? value : [...(Array.isArray(known) ? (known as readonly Json[]) : [known]), value];
  }
  return found;
}
