import { z } from 'zod';
import { Json, JsonObject } from './json.ts';

/*
 * Rows of people and what they use up: roles, the audit log, models, jobs and credits. As in `rows.ts`, fields
 * carry the names of their columns.
 */

/** ISO 8601 with offset, as Postgres prints `timestamptz` in JSON. */
const Timestamp = z.string();

/** A model in the registry. Inactive ones can be run all the same: that is what a test console is for. */
export const ModelRow = z.object({
  model_record_id: z.string(),
  model_name: z.string(),
  model_provider: z.string(),
  model_content_type: z.string(),
  /** The provider's own name and version: `black-forest-labs/flux-schnell`. */
  provider_ref: z.string(),
  cost_credits: z.number(),
  is_active: z.boolean(),
  /** JSON Schema of the parameters the model takes. */
  parameters: JsonObject,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type ModelRow = z.infer<typeof ModelRow>;

export const UserRoleRow = z.object({ user_id: z.string(), role: z.string(), created_at: Timestamp });
export type UserRoleRow = z.infer<typeof UserRoleRow>;

/** Who did what to which row, and why. Append-only, without gaps, in the order of commits. */
export const AuditRow = z.object({
  id: z.int(),
  at: Timestamp,
  actor: z.string().nullable(),
  actor_role: z.string(),
  /** The actor's mail address, or the one somebody tried to sign in with. */
  actor_name: z.string().nullable(),
  action: z.string(),
  target_table: z.string(),
  target_id: z.string().nullable(),
  details: JsonObject,
  reason: z.string().nullable(),
  /** Where the request came from, when our own server took it. */
  address: z.string().nullable(),
  /** Hash of the row before this one, and of this one with it: SHA-256 in hexadecimal. */
  prev_hash: z.string(),
  hash: z.string(),
});
export type AuditRow = z.infer<typeof AuditRow>;

/** What `verify_audit_log()` found: whether the rows are those that were written, all of them and in order. */
export const AuditVerdict = z.object({
  ok: z.boolean(),
  rows: z.int(),
  /** Hash of the last row. Kept elsewhere, it proves later that no row up to here was rewritten. */
  head: z.string().optional(),
  first_broken_id: z.int().optional(),
  reason: z.string().optional(),
});
export type AuditVerdict = z.infer<typeof AuditVerdict>;

/** One generation asked of a provider; the seed's generation record. */
export const JobRow = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  run_id: z.string().nullable(),
  job_type: z.string(),
  status: z.enum(['queued', 'processing', 'succeeded', 'failed', 'canceled']),
  provider: z.string().nullable(),
  /** The provider's id of the prediction. */
  provider_id: z.string().nullable(),
  input: JsonObject,
  output: Json.nullable(),
  output_path: z.string().nullable(),
  error: z.string().nullable(),
  is_test: z.boolean(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type JobRow = z.infer<typeof JobRow>;

/** One movement of credits. In test mode `amount` is 0 and `would_have_charged` says what it would have been. */
export const LedgerRow = z.object({
  id: z.string(),
  user_id: z.string().nullable(),
  run_id: z.string().nullable(),
  job_id: z.string().nullable(),
  kind: z.enum(['grant', 'debit', 'refund']),
  amount: z.number(),
  would_have_charged: z.number(),
  reason: z.string().nullable(),
  created_at: Timestamp,
});
export type LedgerRow = z.infer<typeof LedgerRow>;
