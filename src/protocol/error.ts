/**
 * The codes a failure can carry. Each maps to one exit status and one HTTP status, so a failure means
 * the same on the command line, on the wire and on the screen.
 */
export const errorCodes = {
  /** The call is wrong: an unknown name, a value that does not fit. */
  usage: { exit: 2, http: 400 },
  'not-found': { exit: 2, http: 404 },
  conflict: { exit: 1, http: 409 },
  'too-large': { exit: 2, http: 413 },
  /** The thing asked for was tried and failed: a run failed, a gate said no. */
  failed: { exit: 1, http: 422 },
  /** Nobody there: no backend, a lock held by another, a port in use. */
  unavailable: { exit: 3, http: 503 },
  timeout: { exit: 1, http: 504 },
  unauthorized: { exit: 3, http: 401 },
  forbidden: { exit: 3, http: 403 },
  'no-space': { exit: 3, http: 507 },
} as const satisfies Record<string, { readonly exit: number; readonly http: number }>;
export type ErrorCode = keyof typeof errorCodes;

/** Exit status of a bug: anything thrown that is not a {@link UserError}. */
export const BUG_EXIT_STATUS = 70;

/**
 * A failure that a person can act on.
 *
 * Anything else that is thrown is a bug and is reported with its stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly code: ErrorCode;
  /** What to try next, in the imperative: "List runs with `stepscope runs`". */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
