import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '../../protocol/error.ts';
import { BROKEN_OFF } from '../../protocol/exchange.ts';
import type { Json } from '../../protocol/json.ts';
import type { Answered, Asked, Message } from '../../tracker/exchange-writer.ts';
import type { RunRecorder } from '../../tracker/recorder.ts';
import { messageOf } from '../user-stack.ts';
import { failureWords, readMessage } from './http-message.ts';
import type { Outside, Question } from './outside.ts';

/** A body that does not come to its end holds up the end of its run for at most this long; then it is not recorded. */
const SETTLE_MS = 2_000;

/** Is a request on its way that is recorded already, by whoever sent it? */
const underway = new AsyncLocalStorage<true>();

/** Sends something of which the record is kept here already: what `send` asks by the global `fetch` is no new question. */
export function outward<T>(send: () => T): T {
  return underway.run(true, send);
}

/** Is what is asked now part of something that {@link outward} sends? */
export function isOnItsWay(): boolean {
  return underway.getStore() === true;
}

/** Asks the outside world, and records what it asks and hears. */
export function recordOutside(recorder: Pick<RunRecorder, 'exchange'>): Outside {
  const pending = new Set<Promise<void>>();
  const later = (work: Promise<void>): void => {
    const settled = work.catch(() => {}).finally(() => pending.delete(settled));
    pending.add(settled);
  };

  return {
    fetch: (kindOf, real) => async (input, init) => {
      const { sent, copy } = twice(input, init);
      const record = recorder.exchange(askedBy(copy, kindOf));
      // Read at once: who sent it may change its body afterwards.
      const request = readMessage(copy).catch(() => undefined);
      const end = (answer: Promise<Omit<Answered, 'request'>>): void => later(Promise.all([request, answer]).then(([asked, told]) => record({ request: asked, ...told })));
      try {
        const response = await outward(() => real(sent, sent === input ? init : undefined));
        const { status } = response;
        end(readMessage(response.clone()).then((told: Message) => ({ status, response: told }), (error: unknown) => ({ error: failureWords(error) })));
        return response;
      } catch (error) {
        const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
        end(Promise.resolve({ error: brokenOff(error, signal) ?? failureWords(error) }));
        throw error;
      }
    },
    ask: async (question, answer) => {
      const record = recorder.exchange(question);
      try {
        const told = await outward(answer);
        record(answeredBy(question, told));
        return told;
      } catch (error) {
        record(refusedBy(question, error));
        throw error;
      }
    },
    askNow: (question, answer) => {
      const record = recorder.exchange(question);
      try {
        const told = answer();
        record(answeredBy(question, told));
        return told;
      } catch (error) {
        record(refusedBy(question, error));
        throw error;
      }
    },
    sleep: async (ms, signal) => await wait(ms, undefined, { signal }),
    settled: async () => {
      if (pending.size === 0) return;
      await Promise.race([Promise.all(pending), wait(SETTLE_MS, undefined, { ref: false })]);
    },
  };
}

/** Asks the outside world and records nothing of it. */
export const plainOutside: Outside = {
  fetch: (_kindOf, real) => real,
  ask: async (_question, answer) => await answer(),
  askNow: (_question, answer) => answer(),
  sleep: async (ms, signal) => await wait(ms, undefined, { signal }),
  settled: async () => {},
};

/** What is asked by a request. */
export function askedBy(request: Request, kindOf: (url: string) => Asked['kind']): Asked & { readonly url: string } {
  return { kind: kindOf(request.url), method: request.method, url: request.url };
}

/** The request as it is sent, and a copy of it to read. */
function twice(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): { readonly sent: Parameters<typeof fetch>[0]; readonly copy: Request } {
  if (input instanceof Request || init?.body instanceof ReadableStream) {
    const sent = new Request(input, init);
    return { sent, copy: sent.clone() };
  }
  const { signal: _, ...rest } = init ?? {};
  return { sent: input, copy: new Request(input, rest) };
}

/** A run that is cancelled, or out of time, breaks off what it waits for: that says nothing of the other side. */
function brokenOff(error: unknown, signal: AbortSignal | null | undefined): string | undefined {
  if (!signal?.aborted || (error instanceof DOMException && error.name === 'TimeoutError')) return undefined;
  const reason: unknown = signal.reason;
  if (reason instanceof DOMException && reason.name === 'TimeoutError') return undefined;
  return BROKEN_OFF + messageOf(reason);
}

function answeredBy({ about }: Question, told: Json): Answered {
  return { ...(about !== undefined && { request: { body: { json: about } } }), response: { body: { json: told } } };
}

function refusedBy({ about, signal }: Question, error: unknown): Answered {
  const user = error instanceof UserError ? { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) } : undefined;
  return {
    ...(about !== undefined && { request: { body: { json: about } } }),
    ...(user && { response: { body: { json: user } } }),
    error: brokenOff(error, signal) ?? messageOf(error),
  };
}
