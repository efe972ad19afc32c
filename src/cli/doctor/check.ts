import { UserError } from '../../protocol/error.ts';

/** A check that takes longer has found something too. */
const checkTimeoutMs = 15_000;

/** One thing that `doctor` looks at. What it throws is a problem too. */
export interface Check {
  readonly name: string;
  /** `signal` aborts shortly before the time is over, for checks that know better what it means. */
  look(this: void, signal: AbortSignal): Promise<Found | readonly Found[]>;
}

/** What a check has found; several where causes differ. */
export interface Found {
  readonly result: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** What to do about it, where one command does not say all. */
  readonly hint?: string | undefined;
  /** The command that mends it. */
  readonly command?: string | undefined;
  /** The same for whoever has only an SQL editor. */
  readonly sql?: string | undefined;
}

export interface Finding extends Found {
  readonly name: string;
}

/** Thrown by a check that cannot know: something else has to be mended first. */
export class NotKnown extends Error {
  override readonly name = 'NotKnown';
}

export async function perform({ name, look }: Check): Promise<readonly Finding[]> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(checkTimeoutMs - 2_000)]);
  const late = Promise.withResolvers<Found>();
  const timer = setTimeout(() => late.resolve({ result: 'problem', what: `no answer within ${checkTimeoutMs / 1000} s` }), checkTimeoutMs);
  try {
    const found = await Promise.race([look(signal), late.promise]);
    return (Array.isArray(found) ? (found as readonly Found[]) : [found as Found]).map((one) => ({ name, ...one }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof NotKnown) return [{ name, result: 'warning', what: `not known: ${error.message}` }];
    return [{ name, result: 'problem', what: error.message, hint: error instanceof UserError ? error.hint : undefined }];
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
