import { z } from 'zod';
import { Json, JsonObject } from './json.ts';

/*
 * Rows of debugging itself: what people watch, hold, say and keep, and what a run said to the outside world.
 * As in `rows.ts`, fields carry the names of their columns.
 */

/** ISO 8601 with offset, as Postgres prints `timestamptz` in JSON. */
const Timestamp = z.string();
const Count = z.int().nonnegative();

/** An expression that is shown at every stop of a pipeline's runs. */
export const WatchRow = z.object({
  id: z.string(),
  pipeline_key: z.string(),
  number: z.int().positive(),
  expression: z.string(),
  created_by: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type WatchRow = z.infer<typeof WatchRow>;

/** Whom a run spoke to. `value` is something it asked its context for that is new every time, as an id. */
export const ExchangeKind = z.enum(['provider', 'database', 'storage', 'fetch', 'webhook', 'value']);
export type ExchangeKind = z.infer<typeof ExchangeKind>;

/**
 * One request of a run and its answer, masked; for a webhook, the delivery. What a replay answers with.
 *
 * `request` and `response` are `{headers, body}`, where `body` is JSON, text, `{"$binary": base64}` or, when it is
 * large, `{"$blob": hash, "bytes": n}` with the content in `snapshot_blobs`.
 */
export const ExchangeRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  step_key: z.string().nullable(),
  attempt: z.int().positive().nullable(),
  /** Place in the run, from 0, in the order in which they were begun. */
  ordinal: z.int().nonnegative(),
  kind: ExchangeKind,
  method: z.string().nullable(),
  url: z.string().nullable(),
  request: Json.nullable(),
  /** HTTP status; null when no answer came. */
  status: z.int().nullable(),
  response: Json.nullable(),
  error: z.string().nullable(),
  started_at: Timestamp.nullable(),
  duration_ms: z.number().nullable(),
  created_at: Timestamp,
});
export type ExchangeRow = z.infer<typeof ExchangeRow>;

/** Whose pause it is. Renewed by the owner's terminal; once it has expired, `on_lease_end` of the run applies. */
export const LeaseRow = z.object({
  test_run_id: z.string(),
  owner: z.string().nullable(),
  owner_name: z.string(),
  /** Tells two terminals of one person apart. */
  terminal: z.string(),
  taken_at: Timestamp,
  expires_at: Timestamp,
});
export type LeaseRow = z.infer<typeof LeaseRow>;

/** Several people looking at one run together. Where each of them is looking travels as presence, not as rows. */
export const DebugSessionRow = z.object({
  id: z.string(),
  session_name: z.string(),
  description: z.string().nullable(),
  filters: JsonObject,
  scope: JsonObject,
  test_run_id: z.string().nullable(),
  event_count: Count,
  insight_count: Count,
  query_count: Count,
  active: z.boolean(),
  resolved: z.boolean(),
  created_by: z.string().nullable(),
  created_by_name: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
  closed_at: Timestamp.nullable(),
});
export type DebugSessionRow = z.infer<typeof DebugSessionRow>;

/** What somebody said about a run, a step of it, a line of its log or a place in its state. */
export const CommentRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  step_key: z.string().nullable(),
  log_id: z.string().nullable(),
  /** JSON Pointer into the state after the step. */
  path: z.string().nullable(),
  body: z.string(),
  resolved: z.boolean(),
  author: z.string().nullable(),
  author_name: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type CommentRow = z.infer<typeof CommentRow>;

/** A line of a log that somebody marked, to find it again. A line has one mark, whoever made it. */
export const LogBookmarkRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  log_id: z.string(),
  /** Of the line. */
  seq: z.int().positive(),
  /** Empty when nobody wrote one. */
  note: z.string(),
  /** Whoever wrote the note as it stands. */
  author: z.string().nullable(),
  author_name: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type LogBookmarkRow = z.infer<typeof LogBookmarkRow>;

export const ApprovalState = z.enum(['waiting', 'approved', 'rejected', 'withdrawn']);
export type ApprovalState = z.infer<typeof ApprovalState>;

/** A yes that a held run waits for. `withdrawn`: the run ended, or went another way, before anybody answered. */
export const ApprovalRow = z.object({
  id: z.string(),
  test_run_id: z.string(),
  step_key: z.string(),
  attempt: z.int().positive(),
  /** What is asked, for a person to read. */
  title: z.string(),
  state: ApprovalState,
  decided_by: z.string().nullable(),
  decided_by_name: z.string().nullable(),
  decided_at: Timestamp.nullable(),
  reason: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type ApprovalRow = z.infer<typeof ApprovalRow>;

/** A test made from a run. The seed's columns, and where it came from. */
export const AutoTestRow = z.object({
  id: z.string(),
  test_name: z.string(),
  test_type: z.string(),
  test_prompt: z.string().nullable(),
  expected_behavior: JsonObject,
  framework: z.string().nullable(),
  confidence_score: z.number(),
  run_count: Count,
  pass_count: Count,
  fail_count: Count,
  tags: z.array(z.string()),
  metadata: JsonObject,
  is_active: z.boolean(),
  last_run_at: Timestamp.nullable(),
  fingerprint: z.string().nullable(),
  source_run_id: z.string().nullable(),
  pipeline_key: z.string().nullable(),
  /** Inputs to run with. */
  params: JsonObject,
  created_by: z.string().nullable(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type AutoTestRow = z.infer<typeof AutoTestRow>;
