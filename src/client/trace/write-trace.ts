import { createHash } from 'node:crypto';
import { TRACE_VERSION } from '../../protocol/trace.ts';
import type { TraceRow } from '../../protocol/trace.ts';

/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH = 256 * 1024;

/**
 * A trace of version 2, in pieces. `rows` come in the order of `traceTables`, some at a time; the same rows with the same
 * `exportedAt` are the same bytes.
 */
export async function* traceText(
  rows: AsyncIterable<readonly TraceRow[]>,
  { exportedAt, runId }: { readonly exportedAt: string; readonly runId: string },
): AsyncGenerator<string> {
  const hash = createHash('sha256');
  let piece = `${JSON.stringify({ stepscope: 'trace', version: TRACE_VERSION, exportedAt, run_id: runId })}\n`;
  let count = 0;
  for await (const some of rows) {
    for (const { table, row } of some) {
      piece += `{"table":${JSON.stringify(table)},"row":${JSON.stringify(row)}}\n`;
      count++;
      if (piece.length < PIECE_LENGTH) continue;
      hash.update(piece);
      yield piece;
      piece = '';
    }
  }
  hash.update(piece);
  yield `${piece}${JSON.stringify({ end: true, rows: count, sha256: hash.digest('hex') })}\n`;
}
