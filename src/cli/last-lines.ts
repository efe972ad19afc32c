import type { Backend } from '../client/backend.ts';
import { limits } from '../protocol/limits.ts';
import type { LogRow } from '../protocol/rows.ts';

/** What is looked for at the end of a log. */
export interface LastLines {
  /** How many lines at most; only these and one page are held. */
  readonly most: number;
  /** Lines made before, in milliseconds since 1970, are none of them. */
  readonly sinceMs: number;
  /** Which lines count; undefined for all of them. */
  readonly passes: ((row: LogRow) => boolean) | undefined;
  /** Lines in one read; {@link limits.batchRows} unless told. */
  readonly pageRows?: number;
}

/**
 * The last lines of a run that pass, oldest first, and the number of its newest line whether that passes or not; 0 of
 * an empty log. Reads from the end, page by page, until there are enough: of a million lines no more than it takes.
 * Aborting ends it with what was found so far.
 */
export async function lastLines(
  backend: Pick<Backend, 'logs'>,
  runId: string,
  { most, sinceMs, passes, pageRows = limits.batchRows }: LastLines,
  signal: AbortSignal,
): Promise<{ readonly rows: readonly LogRow[]; readonly newestSeq: number }> {
  /** Newest first. */
  const found: LogRow[] = [];
  let newestSeq: number | undefined;
  // The first page is read in any case: what follows begins after it.
  for (let before = Infinity; newestSeq === undefined || (found.length < most && !signal.aborted);) {
    const limit = passes === undefined ? Math.min(pageRows, Math.max(1, most - found.length)) : pageRows;
    const page = await backend.logs(runId, { beforeSeq: before, limit });
    newestSeq ??= page.at(-1)?.seq ?? 0;
    for (const row of page.toReversed()) {
      if (found.length < most && Date.parse(row.timestamp) >= sinceMs && (passes === undefined || passes(row))) found.push(row);
    }
    if (page.length < limit || page.every((row) => Date.parse(row.timestamp) < sinceMs)) break;
    before = page[0]!.seq;
    // A closed pipe is heard of between two turns of the event loop.
    await new Promise(setImmediate);
  }
  return { rows: found.reverse(), newestSeq };
}
