import { z } from 'zod';
import { CommandRow, LogRow, RunRow, StepRow } from './rows.ts';

/**
 * "This row of that table is now so." Everything a screen knows of a run is a fold over these, whether
 * they come live, from a read of what was missed, or from a file.
 */
export const RunChange = z.discriminatedUnion('table', [
  z.object({ table: z.literal('test_execution_runs'), row: RunRow }),
  z.object({ table: z.literal('test_execution_steps'), row: StepRow }),
  z.object({ table: z.literal('test_execution_logs'), row: LogRow }),
  z.object({ table: z.literal('test_execution_commands'), row: CommandRow }),
]);
export type RunChange = z.infer<typeof RunChange>;

/**
 * Answer of the SQL function `run_changes(run_id, after_seq, max_rows)`: the changes of one run with
 * `seq > after_seq` in order of `seq`, read in one snapshot, so nothing at or below `last_seq` can still appear.
 */
export const RunChanges = z.object({
  changes: z.array(RunChange),
  /** Ask again from here. Equals `after_seq` when there is nothing new. */
  last_seq: z.int().nonnegative(),
  /** False when `max_rows` cut the answer. */
  complete: z.boolean(),
  /** First number retention has kept; a reader below it has missed rows for good. */
  first_seq: z.int().nonnegative(),
});
export type RunChanges = z.infer<typeof RunChanges>;
