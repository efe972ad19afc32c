import { z } from 'zod';
import { ExchangeRow } from './debug-rows.ts';
import { BlobRow, LogRow, RunRow, SnapshotRow, StepRow } from './rows.ts';

/** Columns the database fills in itself. */
const database = { seq: true, created_at: true, updated_at: true } as const;

/**
 * What a tracker sends to the SQL function `ingest(batch jsonb)`, all of it of one run. Idempotent: rows
 * are known by their ids, so a batch whose acknowledgement was lost may be sent again.
 *
 * - `run`: the columns that changed. Inserted when the run is new.
 * - `steps`, `snapshots`: whole rows, replacing earlier ones of the same id.
 * - `logs`, `blobs`, `exchanges`: inserted once; a second time they are left alone.
 */
export const Batch = z.object({
  run_id: z.string(),
  /** Refused with `holder_lost` when another holder has the run. */
  holder_id: z.string(),
  run: RunRow.omit(database).omit({ log_counts: true }).partial().optional(),
  steps: z.array(StepRow.omit(database)).optional(),
  logs: z.array(LogRow.omit({ seq: true, created_at: true })).optional(),
  snapshots: z.array(SnapshotRow.omit({ created_at: true, updated_at: true })).optional(),
  blobs: z.array(BlobRow.omit({ created_at: true })).optional(),
  exchanges: z.array(ExchangeRow.omit({ created_at: true })).optional(),
});
export type Batch = z.infer<typeof Batch>;

/** A row of a batch that can never be stored; the others were. */
export const RefusedRow = z.object({ table: z.string(), id: z.string().nullable(), reason: z.string() });
export type RefusedRow = z.infer<typeof RefusedRow>;

/** Answer of `ingest()`: how many rows were new, the last number given out, and what our server refused. */
export const IngestResult = z.object({ stored: z.int(), duplicates: z.int(), last_seq: z.int(), refused: z.array(RefusedRow).optional() });
export type IngestResult = z.infer<typeof IngestResult>;
