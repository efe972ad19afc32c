import { z } from 'zod';
import { Batch, IngestResult, type RefusedRow } from '../protocol/batch.ts';
import { limits } from '../protocol/limits.ts';
import { UserError } from '../protocol/error.ts';
import { DatabaseError, type Claims, type Database } from '../storage/database.ts';
import { measureValue, rowLimits } from '../storage/sanitise.ts';
import { errorResponse, type RestError } from './rest-error.ts';

/*
 * `POST /rest/v1/rpc/ingest`, the path every tracker writes by. The same SQL function answers here as through
 * the Data API, but a row that can never be stored does not take its batch with it: it is refused by name and
 * the others are kept, so a tracker with one bad value does not send the same batch for ever.
 */

const Envelope = z.object({ batch: z.record(z.string(), z.unknown()) });
const tableOf = {
  steps: 'test_execution_steps',
  logs: 'test_execution_logs',
  snapshots: 'test_execution_snapshots',
  blobs: 'snapshot_blobs',
  exchanges: 'recorded_exchanges',
} as const;
type ListName = keyof typeof tableOf;
const listNames = Object.keys(tableOf) as readonly ListName[];

/** One row on its way in, with the place it came from. */
interface Row {
  readonly list: ListName;
  readonly row: Readonly<Record<string, unknown>>;
}

/** Answers a request whose body is `{"batch": …}`; see `protocol/batch.ts`. */
export async function answerIngest(database: Database, claims: Claims, body: string): Promise<Response> {
  if (claims.role !== 'service_role') {
    const answer = { code: '42501', message: 'permission denied for function ingest', hint: 'Trackers use a secret key' };
    return errorResponse({ ...answer, status: claims.role === 'anon' ? 401 : 403 });
  }
  const batch = readBatch(body);
  if ('status' in batch) return errorResponse(batch);

  const outcome = await store(database, claims, batch.head, batch.rows);
  const result = { ...outcome, refused: [...batch.refused, ...outcome.refused] };
  return Response.json(result.refused.length === 0 ? { ...result, refused: undefined } : result, {
    headers: { 'access-control-allow-origin': '*' },
  });
}

interface ReadBatch {
  /** Everything but the rows: whose they are, and the run's own columns. */
  readonly head: Pick<Batch, 'run_id' | 'holder_id' | 'run'>;
  readonly rows: readonly Row[];
  readonly refused: readonly RefusedRow[];
}

function readBatch(body: string): ReadBatch | RestError {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { status: 400, code: 'PGRST102', message: 'Empty or invalid json' };
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return { status: 400, code: 'PGRST202', message: 'ingest takes one argument, {"batch": …}' };
  const { steps, logs, snapshots, blobs, exchanges, ...rest } = envelope.data.batch;
  const lists: Record<ListName, unknown> = { steps, logs, snapshots, blobs, exchanges };

  const headProblem = sizeProblem(rest);
  const head = Batch.pick({ run_id: true, holder_id: true, run: true }).safeParse(headProblem === undefined ? rest : undefined);
  if (!head.success) return { status: 400, code: '22023', message: headProblem ?? `batch: ${firstIssue(head.error)}` };

  const rows: Row[] = [];
  const refused: RefusedRow[] = [];
  for (const list of listNames) {
    const found = z.array(z.unknown()).safeParse(lists[list] ?? []);
    if (!found.success) return { status: 400, code: '22023', message: `batch.${list} is not a list` };
    for (const candidate of found.data) {
      const reason = rowProblem(list, candidate);
      if (reason === undefined) rows.push({ list, row: candidate as Row['row'] });
      else refused.push(refusal({ list, row: candidate as Row['row'] }, reason));
    }
  }
  if (rows.length + refused.length > limits.batchRows) {
    return { status: 413, code: 'too-large', message: `a batch of more than ${limits.batchRows} rows`, hint: 'Send fewer rows at a time' };
  }
  return { head: head.data, rows, refused };
}

function rowProblem(list: ListName, row: unknown): string | undefined {
  const problem = sizeProblem(row);
  if (problem !== undefined) return problem;
  const parsed = Batch.shape[list].unwrap().element.safeParse(row);
  return parsed.success ? undefined : firstIssue(parsed.error);
}

function sizeProblem(value: unknown): string | undefined {
  try {
    measureValue(value, rowLimits);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'it'}: ${issue?.message}`;
}

type Outcome = IngestResult & { readonly refused: readonly RefusedRow[] };

/**
 * Stores the rows in their order. When a value among them is one that Postgres cannot hold, each half is
 * tried by itself until the row is found; storing is idempotent, so nothing is doubled on the way.
 */
async function store(database: Database, claims: Claims, head: ReadBatch['head'], rows: readonly Row[]): Promise<Outcome> {
  try {
    return { ...(await callIngest(database, claims, head, rows)), refused: [] };
  } catch (error) {
    if (!isBadValue(error) || rows.length === 0) throw error;
    if (rows.length === 1) {
      const rest = await callIngest(database, claims, head, []);
      return { ...rest, refused: [refusal(rows[0]!, error.message)] };
    }
    const middle = rows.length >> 1;
    const first = await store(database, claims, head, rows.slice(0, middle));
    const second = await store(database, claims, head, rows.slice(middle));
    return {
      stored: first.stored + second.stored,
      duplicates: first.duplicates + second.duplicates,
      last_seq: Math.max(first.last_seq, second.last_seq),
      refused: [...first.refused, ...second.refused],
    };
  }
}

async function callIngest(database: Database, claims: Claims, head: ReadBatch['head'], rows: readonly Row[]): Promise<IngestResult> {
  const batch: Record<string, unknown> = { ...head };
  for (const { list, row } of rows) ((batch[list] ??= []) as unknown[]).push(row);
  return await database.asUser(claims, async (transaction) => {
    const { rows: answers } = await transaction.query<{ answer: unknown }>('select public.ingest($1::jsonb) as answer', [batch]);
    return IngestResult.parse(answers[0]!.answer);
  });
}

/** A value out of range, in a wrong form, or beyond what a text or jsonb can hold. */
function isBadValue(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && (error.code.startsWith('22') || ['23502', '23514'].includes(error.code));
}

function refusal({ list, row }: Row, reason: string): RefusedRow {
  const id: unknown = row?.['id'] ?? row?.['hash'];
  return { table: tableOf[list], id: typeof id === 'string' ? id : null, reason };
}
