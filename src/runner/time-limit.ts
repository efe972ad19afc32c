import { UserError } from '../protocol/error.ts';
import type { PlacedStep } from './describe-pipeline.ts';

/** What watches over the code of pipelines in this thread. */
export interface Watch {
  /** Rejects when something outside a step's own promise went wrong: an exception in a timer, a rejection nobody handles. */
  readonly crashed: Promise<never>;
  /** Tells the supervisor how long the thread may now be silent; null for as long as it likes. */
  readonly announce: (timeoutMs: number | null) => void;
}

/**
 * Runs code of a pipeline for at most `timeoutMs`. Its signal fires when the time is up and when `cancelled`
 * does; then the result is not waited for any longer. Code that does not let go of the thread is the
 * supervisor's to end.
 */
export async function limited<T>(
  work: (signal: AbortSignal) => T | Promise<T>,
  options: { readonly timeoutMs: number; readonly cancelled: AbortSignal; readonly watch: Watch; readonly timeoutError: () => Error },
): Promise<T> {
  const { timeoutMs, cancelled, watch } = options;
  const expiry = new AbortController();
  const signal = AbortSignal.any([cancelled, expiry.signal]);
  watch.announce(timeoutMs);
  const timer = setTimeout(() => expiry.abort(options.timeoutError()), timeoutMs);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    signal.throwIfAborted();
    const running = (async () => await work(signal))();
    // One that loses the race may still fail later: then it is nobody's.
    running.catch(() => {});
    return await Promise.race([running, aborted.promise, watch.crashed]);
  } catch (error) {
    // What was told to stop mostly throws that it was told to.
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    watch.announce(null);
  }
}

/** A step that has used up its time, with the place of its code as its stack. */
export function timeoutError({ definition, source }: PlacedStep, timeoutMs: number): UserError {
  const limit = timeoutMs % 1000 === 0 ? `${timeoutMs / 1000} s` : `${timeoutMs} ms`;
  const error = new UserError('timeout', `step ${definition.display} did not end within ${limit}`, { hint: 'Give it more with `timeoutMs`, or pass `signal` to what it waits for' });
  if (source) error.stack = `${error.name}: ${error.message}\n    at ${source.functionName} (${source.filePath}:${source.firstLine})`;
  return error;
}
