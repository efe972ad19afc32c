import { z } from 'zod';
import { errorCodes, UserError } from '../protocol/error.ts';
import { Json } from '../protocol/json.ts';
import { DatabaseError } from '../storage/database.ts';

/** The body of every failed answer, in PostgREST's shape, which supabase-js hands to its caller as it is. */
export interface RestError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Text, or a list of what could be meant. */
  readonly details?: Json | undefined;
  readonly hint?: string | null | undefined;
  /** What Auth calls it: its clients read this name, and not `code`. */
  readonly authCode?: string | undefined;
}

/** An answer that says what went wrong. `retryAfterS` asks the client to come back after that many seconds. */
export function errorResponse({ status, code, message, details = null, hint = null, authCode }: RestError, retryAfterS?: number): Response {
  const headers = new Headers({ 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' });
  if (retryAfterS !== undefined) headers.set('retry-after', String(retryAfterS));
  return new Response(JSON.stringify({ code, details, hint, message, error_code: authCode }), { status, headers });
}

/** What a client is told of a failure, or undefined when it is a bug of ours. */
export function describeFailure(error: unknown, isAnonymous: boolean): RestError | undefined {
  if (error instanceof DatabaseError) {
    return {
      status: statusOfSqlState(error.code, isAnonymous),
      code: error.code,
      message: error.message,
      details: error.detail,
      hint: error.hint,
    };
  }
  if (error instanceof UserError) {
    return { status: errorCodes[error.code].http, code: error.code, message: error.message, hint: error.hint };
  }
  return describeRefusal(error);
}

/** The answer that errors of the Data API, such as its `EmbedError`, bring with them. */
const Answered = z.object({
  httpStatus: z.int().min(300).max(499),
  code: z.string(),
  message: z.string(),
  details: Json.optional(),
  hint: z.string().nullish(),
});

/** Errors of the Data API that say by their name alone that the request could not be read. */
const unreadable: Readonly<Record<string, Omit<RestError, 'message'>>> = {
  FilterError: { status: 400, code: 'PGRST100' },
  SelectParseError: { status: 400, code: 'PGRST100' },
  QueryParamParseError: { status: 400, code: 'PGRST100' },
  SanitizeError: { status: 400, code: 'PGRST100' },
  OrderParseError: { status: 400, code: 'PGRST100' },
  CsvParseError: { status: 400, code: 'PGRST102' },
  RouteValidationError: { status: 404, code: 'PGRST125' },
};

function describeRefusal(error: unknown): RestError | undefined {
  if (!(error instanceof Error)) return undefined;
  const answered = Answered.safeParse(error);
  if (answered.success) {
    const { httpStatus, ...rest } = answered.data;
    return { status: httpStatus, ...rest };
  }
  const kind = Object.hasOwn(unreadable, error.name) ? unreadable[error.name] : undefined;
  return kind === undefined ? undefined : { ...kind, message: error.message };
}

/** A failure of ours: told in words without its insides. */
export const internalError: RestError = { status: 500, code: 'XX000', message: 'the server made a mistake; its log has the details' };

const statusBySqlState: Readonly<Record<string, number>> = {
  '23502': 400,
  '23503': 409,
  '23505': 409,
  '25006': 405,
  '40001': 503,
  '40P01': 503,
  '42883': 404,
  '42P01': 404,
  '42P17': 500,
  '55P03': 503,
  '57014': 504,
  '54001': 413,
  '53100': 507,
  P0002: 404,
};

/** By class, the first two characters of the SQLSTATE. */
const statusByClass: Readonly<Record<string, number>> = { '08': 503, '53': 503, '57': 503, '58': 500, XX: 500, F0: 500 };

/**
 * PostgREST's mapping of SQLSTATE to HTTP, with two differences: what a client can cause is never a 5xx, and
 * a failed serialisation is one to try again. `PTxyz` raised by a function is the status itself.
 */
export function statusOfSqlState(sqlState: string, isAnonymous: boolean): number {
  if (sqlState === '42501') return isAnonymous ? 401 : 403;
  const raised = /^PT([2-5]\d\d)$/.exec(sqlState);
  if (raised) return Number(raised[1]);
  return statusBySqlState[sqlState] ?? statusByClass[sqlState.slice(0, 2)] ?? 400;
}
