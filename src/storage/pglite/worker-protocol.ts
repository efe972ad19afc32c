import type { ErrorCode } from '../../protocol/error.ts';
import { UserError } from '../../protocol/error.ts';
import type { Claims, QueryResult } from '../database.ts';
import { DatabaseError } from '../database.ts';
import { translateSqlState } from '../session.ts';
import type { Parameter } from '../values.ts';

/** How much a committed transaction survives: the loss of power, or of the process alone. */
export type Durability = 'power' | 'process';

/** `workerData` of the database worker. */
export interface WorkerSettings {
  /** Postgres's own directory, existing or, for initdb, empty. */
  readonly directory: string;
  readonly durability: Durability;
}

/** What the owner asks of the worker, one at a time. */
export type Work =
  | { readonly kind: 'run'; readonly text: string; readonly parameters: readonly Parameter[] | undefined }
  | { readonly kind: 'begin'; readonly claims: Claims | undefined; readonly readOnly: boolean }
  | { readonly kind: 'reset' }
  | { readonly kind: 'listen'; readonly channel: string }
  | { readonly kind: 'unlisten'; readonly channel: string }
  | { readonly kind: 'stats' }
  | { readonly kind: 'close' };
export type Request = Work & { readonly id: number };

/** Counters since the worker started. */
export interface WorkerStats {
  readonly fsyncs: number;
}

/** An error in the form in which it crosses threads. */
export type ThrownError =
  | { readonly type: 'user'; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined }
  | {
      readonly type: 'sql';
      readonly code: string;
      readonly message: string;
      readonly detail?: string;
      readonly hint?: string;
      readonly constraint?: string;
    }
  | { readonly type: 'bug'; readonly message: string; readonly stack: string | undefined };

export type Message =
  | { readonly kind: 'open' }
  | { readonly kind: 'answer'; readonly id: number; readonly result: QueryResult<unknown> | WorkerStats | undefined }
  | { readonly kind: 'error'; readonly id: number; readonly error: ThrownError }
  | { readonly kind: 'notification'; readonly channel: string; readonly payload: string };

export function packError(error: unknown): ThrownError {
  if (error instanceof UserError) return { type: 'user', code: error.code, message: error.message, hint: error.hint };
  const { code, message, detail, hint, constraint, stack } = error as Record<string, string | undefined>;
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
    return {
      type: 'sql',
      code,
      message: message ?? code,
      ...(detail && { detail }),
      ...(hint && { hint }),
      ...(constraint && { constraint }),
    };
  }
  return { type: 'bug', message: message ?? String(error), stack };
}

export function unpackError(thrown: ThrownError): Error {
  switch (thrown.type) {
    case 'user':
      return new UserError(thrown.code, thrown.message, { hint: thrown.hint });
    case 'sql':
      return translateSqlState(new DatabaseError(thrown.message, thrown));
    case 'bug': {
      const error = new Error(thrown.message);
      if (thrown.stack) error.stack = thrown.stack;
      return error;
    }
  }
}
