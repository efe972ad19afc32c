import { z } from 'zod';

/**
 * `backend.json` in the data directory (0600): how to reach the local backend that is running now, and as
 * whom. Written when it listens, removed when it ends; a stale one is recognised by its pid and its answer.
 */
export const StateFile = z.object({
  version: z.literal(1),
  url: z.string(),
  pid: z.int(),
  startedAt: z.string(),
  engine: z.enum(['pglite', 'postgres']),
  mode: z.enum(['in-process', 'detached', 'serve']),
  stepscope: z.string(),
  schemaVersion: z.int(),
  publishableKey: z.string(),
  secretKey: z.string(),
  localUser: z.object({ email: z.string(), password: z.string() }),
});
export type StateFile = z.infer<typeof StateFile>;
