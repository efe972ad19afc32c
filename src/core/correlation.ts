import type { Json } from '../protocol/json.ts';
import type { LogRow } from '../protocol/rows.ts';

/** What ties lines of different places together: one request, one job, one prediction. */
export interface CorrelationId {
  /** As the line has it: `request_id`, `jobId`. */
  readonly name: string;
  readonly value: string;
}

/** Names of such ids without case, `_` and `-`, the most telling first. */
const names = ['correlationid', 'requestid', 'xrequestid', 'traceid', 'jobid', 'providerjobid', 'predictionid', 'generationid'];

/** Ids lie near the top of what a line carries, if anywhere. */
const MOST_DEPTH = 4;
/** Fields of one line that are looked at. */
const MOST_FIELDS = 500;

/** The ids of a line, the most telling first; a value that stands twice is named once. */
export function correlationIds(row: Pick<LogRow, 'data' | 'metadata' | 'generation_id'>): readonly CorrelationId[] {
  const found: { readonly rank: number; readonly id: CorrelationId }[] = [];
  let looked = 0;
  const look = (value: Json, depth: number): void => {
    if (value === null || typeof value !== 'object' || depth > MOST_DEPTH) return;
    for (const [key, part] of Object.entries(value)) {
      if ((looked += 1) > MOST_FIELDS) return;
      const rank = Array.isArray(value) ? -1 : names.indexOf(key.toLowerCase().replaceAll(/[_-]/g, ''));
      if (rank !== -1 && (typeof part === 'string' || typeof part === 'number') && part !== '') found.push({ rank, id: { name: key, value: String(part) } });
      else look(part as Json, depth + 1);
    }
  };
  look(row.metadata, 0);
  look(row.data, 0);
  if (row.generation_id !== null) found.push({ rank: names.length, id: { name: 'generation_id', value: row.generation_id } });
  const sorted = found.toSorted((a, b) => a.rank - b.rank).map(({ id }) => id);
  return sorted.filter((one, index) => sorted.findIndex(({ value }) => value === one.value) === index);
}

/** Does a line carry an id with this value, under whichever name? */
export function sharesId(row: Pick<LogRow, 'data' | 'metadata' | 'generation_id'>, value: string): boolean {
  return correlationIds(row).some((one) => one.value === value);
}
