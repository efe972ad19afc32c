import { setTimeout as wait } from 'node:timers/promises';
import { decodeValue } from '../../core/decode-value.ts';
import { bodyOf, matchExchanges, unmarked, type AskedAgain, type FoundExchange, type RecordedExchange } from '../../core/exchange-match.ts';
import type { Masker } from '../../core/mask.ts';
import { isObject } from '../../core/value-tags.ts';
import { errorCodes, UserError, type ErrorCode } from '../../protocol/error.ts';
import { BROKEN_OFF } from '../../protocol/exchange.ts';
import type { Json } from '../../protocol/json.ts';
import { storedBody } from '../../tracker/exchange-writer.ts';
import type { RunRecorder } from '../../tracker/recorder.ts';
import { answerOf, readMessage } from './http-message.ts';
import type { Outside, Question } from './outside.ts';
import { askedBy, outward } from './recording.ts';

/** Today's code asks what the recording does not have, or asks it differently. */
export interface Divergence {
  readonly step: string | null;
  /** `POST https://… /body/input/width`, with the part that differs. */
  readonly path: string;
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
}

export interface ReplayOptions {
  readonly recorded: readonly RecordedExchange[];
  readonly recorder: Pick<RunRecorder, 'currentStep'>;
  readonly masker: Masker;
  readonly onDivergence: (divergence: Divergence) => void;
}

/** Answers from a recording. What it does not have is told, and refused: nothing is ever sent. */
export function replayOutside(options: ReplayOptions): Outside & { readonly finish: (step: string | null) => void } {
  const { masker, recorder, onDivergence } = options;
  const recording = matchExchanges(options.recorded);

  const find = (asked: AskedAgain): FoundExchange | undefined => {
    const found = recording.take(asked);
    const name = nameOf(asked);
    if (found === undefined) {
      const expected = recording.expected(asked);
      onDivergence({ step: asked.step, path: name, expected: expected === undefined ? undefined : nameOf(expected), actual: name });
      return undefined;
    }
    for (const { path, before, after } of found.differences) onDivergence({ step: asked.step, path: `${name} ${path}`, expected: before, actual: after });
    return found;
  };
  const stepNow = (): string | null => recorder.currentStep()?.spec.key ?? null;
  const answer = (question: Question): RecordedExchange | undefined =>
    find(askedOf(question, stepNow(), masker))?.exchange;

  return {
    fetch: (kindOf) => async (input, init) => {
      const step = stepNow();
      const request = new Request(input, init);
      const { kind, method, url } = askedBy(request, kindOf);
      const { body } = await readMessage(request);
      const found = find({ step, kind, method, url: masker.text(url), body: storedBody(body, masker) });
      if (found === undefined) throw missing(`${method} ${url}`);
      return answerOf(found.exchange);
    },
    ask: async <T extends Json>(question: Question) => {
      const found = answer(question);
      if (found === undefined) throw missing(question.method);
      return valueOf<T>(found);
    },
    // Nobody can be refused a number or an id, and nothing leaves the process by it.
    askNow: <T extends Json>(question: Question, make: () => T) => {
      const found = answer(question);
      return found === undefined ? make() : valueOf<T>(found);
    },
    // Whatever was waited for has its answer in the recording.
    sleep: async (_ms, signal) => signal.throwIfAborted(),
    settled: async () => {},
    finish: (step) => {
      for (const exchange of recording.left(step)) {
        if (exchange.kind === 'value') continue;
        onDivergence({ step, path: nameOf(exchange), expected: nameOf(exchange), actual: undefined });
      }
    },
  };
}

/** Which requests of a run are answered from a recording: {@link recordedOutside}. */
export interface RecordedEffects {
  readonly recorded: readonly RecordedExchange[];
  /** Steps that must not reach the outside world: what their recording lacks is refused. */
  readonly external: readonly string[];
  /** Whose answers they are, for the log. */
  readonly runId: string;
}

/**
 * For a fork that shall not repeat effects: the provider, addresses elsewhere and webhooks answer from the recording of
 * the parent run, as far as it goes. The run's own tables and files are real, and so are new ids.
 */
export function recordedOutside(
  real: Outside,
  { recorded, external, runId }: RecordedEffects,
  options: { readonly recorder: Pick<RunRecorder, 'currentStep' | 'log'>; readonly masker: Masker },
): Outside {
  const { recorder, masker } = options;
  const isRecorded = ({ kind, method }: { readonly kind: string; readonly method: string | null }): boolean =>
    kind === 'provider' || kind === 'fetch' || kind === 'webhook' || (kind === 'value' && method === 'verify');
  const recording = matchExchanges(recorded.filter(isRecorded));
  const mustNotAsk = new Set(external);

  /** Undefined when the outside world is to be asked. */
  const find = (asked: AskedAgain): RecordedExchange | undefined => {
    if (!isRecorded(asked)) return undefined;
    const found = recording.take(asked);
    if (found === undefined) {
      if (asked.step === null || !mustNotAsk.has(asked.step)) return undefined;
      throw new UserError('conflict', `the recording of run ${runId} has no answer to ${nameOf(asked)}`, { hint: 'Allow the effect again with `--effects repeat`, or fork without the edit' });
    }
    if (found.differences.length > 0) {
      const paths = found.differences.map(({ path }) => path).join(', ');
      recorder.log({ level: 'warn', message: `${nameOf(asked)} is answered from the recording of run ${runId}, though it differs at ${paths}` });
    } else recorder.log({ level: 'debug', message: `${nameOf(asked)} is answered from the recording of run ${runId}` });
    return found.exchange;
  };
  const stepNow = (): string | null => recorder.currentStep()?.spec.key ?? null;
  const answer = (question: Question): RecordedExchange | undefined =>
    find(askedOf(question, stepNow(), masker));

  return {
    // Recorded by the outside around it, whoever answers.
    fetch: (kindOf, send) =>
      real.fetch(kindOf, async (input, init) => {
        const step = stepNow();
        const request = new Request(input instanceof Request ? input.clone() : input, init);
        const { kind, method, url } = askedBy(request, kindOf);
        const { body } = await readMessage(request);
        const found = find({ step, kind, method, url: masker.text(url), body: storedBody(body, masker) });
        return found === undefined ? await outward(() => send(input, init)) : answerOf(found);
      }),
    ask: async (question, ask) =>
      await real.ask(question, async () => {
        const found = answer(question);
        return found === undefined ? await outward(ask) : valueOf(found);
      }),
    askNow: (question, ask) =>
      real.askNow(question, () => {
        const found = answer(question);
        return found === undefined ? ask() : valueOf(found);
      }),
    sleep: async (ms, signal) => await wait(ms, undefined, { signal }),
    settled: () => real.settled(),
  };
}

/** A question to the context, as recordings are asked. */
function askedOf({ kind, method, about }: Question, step: string | null, masker: Masker): AskedAgain {
  return { step, kind, method, url: null, body: about === undefined ? undefined : storedBody({ json: about }, masker) };
}

function missing(what: string): UserError {
  return new UserError('conflict', `the recording has no answer to ${what}`);
}

/** What a question was answered with. Throws what it was refused with. */
function valueOf<T extends Json>(found: RecordedExchange): T {
  const body = unmarked(bodyOf(found.response));
  if (found.error === null) return decodeValue(body) as T;
  if (found.error.startsWith(BROKEN_OFF)) throw new DOMException(found.error.slice(BROKEN_OFF.length), 'AbortError');
  if (isObject(body) && typeof body['code'] === 'string' && Object.hasOwn(errorCodes, body['code'])) {
    throw new UserError(body['code'] as ErrorCode, typeof body['message'] === 'string' ? body['message'] : found.error, typeof body['hint'] === 'string' ? { hint: body['hint'] } : {});
  }
  throw new Error(found.error);
}

function nameOf({ method, url }: { readonly method: string | null; readonly url: string | null }): string {
  return url === null ? (method ?? '') : `${method} ${url}`;
}
