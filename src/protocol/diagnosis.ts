import { z } from 'zod';

/** What `diagnose()` of the database tells: of its own state, and of what somebody sees of it. */
export const SchemaFacts = z.object({
  /** As `server_version_num`: 150004. */
  postgres: z.int(),
  migrations: z.array(z.object({ version: z.int(), name: z.string(), checksum: z.string() })),
  missing_roles: z.array(z.string()),
  /** Triggers and policies that are not as the migrations made them, with the SQL that puts each back. */
  spoilt: z.array(z.object({ kind: z.string(), table_name: z.string(), name: z.string(), problem: z.string(), cure: z.string() })),
  /** Policies on our tables that no migration made, with the SQL that drops each. */
  foreign_policies: z.array(z.object({ table_name: z.string(), name: z.string(), definition: z.string(), cure: z.string() })),
  /** Followed tables outside `supabase_realtime`; null where there is no such publication. */
  unpublished: z.array(z.string()).nullable(),
  /** Who was asked for; its `id` is null when nobody has that address. */
  person: z.object({ id: z.string().nullable(), roles: z.array(z.string()) }).nullable(),
  /** A table that is not there has a name only. Rows are counted up to 1,000. */
  tables: z.array(
    z.object({
      name: z.string(),
      rows: z.int().optional(),
      visible: z.int().optional(),
      granted: z.boolean().optional(),
      policies: z.array(z.object({ name: z.string(), permissive: z.boolean(), condition: z.string(), rows: z.int() })).default([]),
    }),
  ),
});
export type SchemaFacts = z.infer<typeof SchemaFacts>;

/** What `/status` of our own server tells, as far as anybody looks at it. */
export const ServerStatus = z.looseObject({
  stepscope: z.string().optional(),
  mode: z.string().optional(),
  schemaVersion: z.int().optional(),
  database: z
    .looseObject({ engine: z.string(), ok: z.boolean(), answeredInMs: z.number().nullable(), problem: z.string().nullable() })
    .optional(),
  /** What carries messages between servers, and whether what was asked for answers. */
  fanout: z.looseObject({ kind: z.string(), answers: z.boolean(), servers: z.int(), elsewhere: z.int().optional() }).optional(),
});
export type ServerStatus = z.infer<typeof ServerStatus>;
