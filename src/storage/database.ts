import type { Json } from '../protocol/json.ts';

/** Who a statement runs as: the claims of a verified token, or of a key. */
export interface Claims {
  readonly role: 'anon' | 'authenticated' | 'service_role';
  readonly sub?: string | undefined;
  readonly [claim: string]: Json | undefined;
}

export interface QueryResult<Row> {
  readonly rows: readonly Row[];
  /** Rows written, for insert, update and delete. Every caller that writes asserts it. */
  readonly affectedRows: number;
}

/** One open transaction. Statements run in order; after a failed one the transaction only rolls back. */
export interface Transaction {
  /** `text` uses `$1…`; parameters are JSON values, strings for dates and byte strings. */
  query<Row = Record<string, Json>>(text: string, parameters?: readonly unknown[]): Promise<QueryResult<Row>>;
}

export interface TransactionOptions {
  /** Our own clock on the whole transaction. The default is {@link defaultTimeoutMs}. */
  readonly timeoutMs?: number | undefined;
}

export const defaultTimeoutMs = 5_000;

/**
 * The one way to the database. Two drivers, PGlite and Postgres, keep one contract
 * (`database-contract.ts`).
 *
 * A failure of SQL is a `DatabaseError` with its SQLSTATE; a statement over its time a `UserError`
 * `timeout`; a database that is not there a `UserError` `unavailable`.
 */
export interface Database {
  readonly engine: 'pglite' | 'postgres';

  /** One transaction as the owner of the tables. For migrations, housekeeping and tests; never for a request. */
  asOwner<T>(work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;

  /** One transaction under row-level security, with `role` and `request.jwt.claims` set for its length. The one door for every request. */
  asUser<T>(claims: Claims, work: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;

  /**
   * Takes a connection out of the queue for statements that bring their own BEGIN and COMMIT (the Data
   * API's query builder). It must be released; the queue stands still until then on PGlite. An unfinished
   * transaction is rolled back and the role reset on release.
   */
  acquire(options?: TransactionOptions): Promise<Transaction & { release(): Promise<void> }>;

  /** Calls back for every NOTIFY on `channel`, in commit order. Returns how to stop. */
  listen(channel: string, onPayload: (payload: string) => void): Promise<() => Promise<void>>;

  /** Calls back after the database was lost and reopened: notifications may have been missed. */
  onReopen(callback: () => void): () => void;

  /** Finishes what is under way and lets go of files and connections. Safe to call twice. */
  close(): Promise<void>;
}

/** An error answered by Postgres itself. `code` is the SQLSTATE. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly constraint: string | undefined;

  constructor(
    message: string,
    fields: {
      readonly code: string;
      readonly detail?: string | undefined;
      readonly hint?: string | undefined;
      readonly constraint?: string | undefined;
    },
  ) {
    super(message);
    this.code = fields.code;
    this.detail = fields.detail;
    this.hint = fields.hint;
    this.constraint = fields.constraint;
  }
}
