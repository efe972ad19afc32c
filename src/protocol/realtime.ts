import { z } from 'zod';

/** The channel that carries row changes from the database to the servers; see `src/ARCHITECTURE.md`. */
export const CHANGES_CHANNEL = 'stepscope_changes';

/**
 * Payload of the `system` message that says changes of a channel were not delivered: the database was lost,
 * or more was written than one message a row can carry. A client reads on after its last `seq`. Any system
 * message of this extension with status `error` is to be read so, whatever its words: hosted Realtime has
 * words of its own.
 */
export const missedChanges = {
  extension: 'postgres_changes',
  status: 'error',
  message: 'changes were missed: read after your last seq',
} as const;

/** A notification on {@link CHANGES_CHANNEL}: which rows changed, never their contents. */
export const ChangeNotice = z
  .object({
    op: z.enum(['INSERT', 'UPDATE', 'DELETE']),
    table: z.string(),
    run: z.string().nullish(),
    /** First and last `seq` of inserted logs. */
    from: z.int().optional(),
    to: z.int().optional(),
    /** Primary keys of the rows, where no range names them. */
    keys: z.array(z.record(z.string(), z.json())).optional(),
    /** Ids in `stepscope.deleted_rows`, where deleted rows are kept for a moment. */
    deleted: z.array(z.int()).optional(),
    /** Rows of the table were deleted and are not named: there were too many. */
    untold: z.boolean().optional(),
  })
  .readonly();
export type ChangeNotice = z.infer<typeof ChangeNotice>;

/** Payload of a `system` message as a client reads it. */
export const SystemMessage = z.object({ extension: z.string(), status: z.string(), message: z.string(), channel: z.string().optional() });
export type SystemMessage = z.infer<typeof SystemMessage>;
