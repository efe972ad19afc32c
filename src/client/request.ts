import type { z } from 'zod';
import { errorCodes, UserError } from '../protocol/error.ts';
import type { ErrorCode } from '../protocol/error.ts';
import { isTimeout, unreachable } from './supabase.ts';

interface Answer {
  readonly data: unknown;
  readonly error: {
    readonly message: string;
    readonly code?: string;
    readonly details?: string | null;
    readonly hint?: string | null;
  } | null;
  readonly status: number;
}

/**
 * Sends a request and parses what comes back, once.
 *
 * `doing` finishes the sentence "could not …". Throws a `UserError` for what a person can act on; an
 * answer that does not parse is a `failed` that says which field.
 */
export async function request<T>(url: string, doing: string, query: PromiseLike<Answer>, schema: z.ZodType<T>): Promise<T> {
  const data = await send(url, doing, query);
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(
    'failed',
    `could not ${doing}: ${url} answered something else than expected at "${issue?.path.join('.')}" (${issue?.message})`,
    {
      hint: 'Check with `stepscope status` that both sides have the same version',
      cause: parsed.error,
    },
  );
}

/** As {@link request}, for answers nobody reads. */
export async function send(url: string, doing: string, query: PromiseLike<Answer>): Promise<unknown> {
  let answer: Answer;
  try {
    answer = await query;
  } catch (cause) {
    throw networkError(url, doing, cause);
  }
  if (answer.error !== null) throw answerError(url, doing, answer);
  return answer.data;
}

function networkError(url: string, doing: string, cause: unknown): UserError {
  if (cause instanceof Error && isTimeout(cause)) {
    return new UserError('timeout', `could not ${doing}: ${url} did not answer in time`, { cause });
  }
  return unreachable(url, cause);
}

const byPostgres: Readonly<Record<string, ErrorCode>> = {
  '42501': 'forbidden',
  '23505': 'conflict',
  '23503': 'not-found',
  '22P02': 'usage',
  '23502': 'usage',
  '23514': 'usage',
  '53100': 'no-space',
  '57014': 'timeout',
  PGRST116: 'not-found',
  PGRST301: 'unauthorized',
  PGRST302: 'unauthorized',
  PGRST303: 'unauthorized',
};
const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'usage',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  408: 'timeout',
  409: 'conflict',
  413: 'too-large',
  503: 'unavailable',
  504: 'timeout',
  507: 'no-space',
};

function answerError(url: string, doing: string, { error, status }: Answer): UserError {
  const { message, code = '', hint } = error!;
  if (status === 0) {
    if (isTimeout(error!))
      return new UserError('timeout', `could not ${doing}: ${url} did not answer in time`, { cause: error });
    return unreachable(url, error);
  }
  // `ingest` and its like say `holder_lost` when another holder has the run.
  const ours = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
  const mapped = message.includes('holder_lost')
    ? 'conflict'
    : (ours ?? byPostgres[code] ?? byStatus[status] ?? (status >= 500 ? 'unavailable' : 'failed'));
  const hints: Partial<Record<ErrorCode, string>> = {
    forbidden: 'Sign in as a user with the role admin',
    unauthorized: 'Check the key, or sign in again',
  };
  return new UserError(mapped, `could not ${doing}: ${message}`, { hint: hint ?? hints[mapped], cause: error });
}
