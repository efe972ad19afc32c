import { randomBytes } from 'node:crypto';
import { blobText } from '../client/snapshots.ts';
import { blobHashes, fromManifest } from '../core/manifest.ts';
import { uuidv7 } from '../core/uuid.ts';
import type { Batch } from '../protocol/batch.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { RunRow } from '../protocol/rows.ts';
import { finalRunStatuses, finalStepStatuses, type RunStatus } from '../protocol/vocabulary.ts';
import type { Rows } from '../tracker/sink.ts';

type Step = NonNullable<Batch['steps']>[number];
type Blob = NonNullable<Batch['blobs']>[number];

/** Why a run ended without its own word. */
export interface Ending {
  readonly status: 'failed' | 'cancelled';
  readonly message: string;
  readonly stack: string | null;
}

export interface Reached {
  /** As it was recorded: encoded, and masked. */
  readonly state: JsonObject;
  readonly step: string;
}

/** What a supervisor has seen of a run, so that it can end it when its thread no longer can. */
export interface KnownRows {
  readonly see: (rows: Rows) => void;
  readonly status: () => RunStatus;
  /** Is it held where another process can take it up? */
  readonly canBeTakenUp: () => boolean;
  /** Place of the exchange that comes next. */
  readonly nextExchange: () => number;
  /** How far it came: its last state, and the innermost step under way. Undefined when no step had begun. */
  readonly reached: () => Promise<Reached | undefined>;
  /** A line of ours in the log of the run. */
  readonly log: (message: string) => Rows;
  /** The rows that end the run: open steps, the run, a line in the log. */
  readonly end: (ending: Ending) => Rows;
}

export function knowRows(run: RunRow): KnownRows {
  const steps = new Map<string, Step>();
  let last: NonNullable<Rows['run']> = run;
  let state: Json | null = null;
  let nextExchange = 0;
  /** Those that the state names. */
  let blobs = new Map<string, Blob>();
  const openSteps = (): readonly Step[] => [...steps.values()].filter((step) => !finalStepStatuses.has(step.status) && step.status !== 'pending').toSorted((a, b) => a.ordinal - b.ordinal);

  return {
    status: () => last.status ?? run.status,
    canBeTakenUp: () => last.status === 'paused' && last.resumable === true,
    nextExchange: () => nextExchange,
    see: (rows) => {
      for (const { ordinal } of rows.exchanges ?? []) nextExchange = Math.max(nextExchange, ordinal + 1);
      for (const step of rows.steps ?? []) steps.set(step.id, step);
      if (rows.run) last = { ...last, ...rows.run };
      for (const blob of rows.blobs ?? []) blobs.set(blob.hash, blob);
      for (const snapshot of rows.snapshots ?? []) state = snapshot.state_after ?? snapshot.state_before ?? state;
      const named = blobHashes(state);
      if (blobs.size > 2 * named.length + 16) blobs = new Map(named.flatMap((hash) => (blobs.has(hash) ? [[hash, blobs.get(hash)!] as const] : [])));
    },
    reached: async () => {
      const texts = new Map(await Promise.all(blobHashes(state).flatMap((hash) => (blobs.has(hash) ? [blobText(blobs.get(hash)!).then((text) => [hash, text] as const)] : []))));
      const whole = fromManifest(state, (hash) => texts.get(hash));
      return whole === null ? undefined : { state: whole, step: openSteps().at(-1)?.step_key ?? '' };
    },
    log: (message) => ({ logs: [logLine(run, undefined, 'error', message, new Date())] }),
    end: ({ status, message, stack }) => {
      const now = new Date();
      const since = (from: string | null | undefined): number | null => (from ? Math.max(0, now.getTime() - Date.parse(from)) : null);
      const open = openSteps();
      // The innermost is what failed; the steps around it failed with it.
      const failed = open.at(-1);
      const ended = open.map((step) => ({
        ...step,
        status,
        error_message: status === 'failed' ? message : step.error_message,
        error_stack: status === 'failed' && step === failed ? stack : step.error_stack,
        completed_at: now.toISOString(),
        duration_ms: step.started_at === null ? null : since(step.started_at),
      }));
      return {
        steps: ended,
        logs: [logLine(run, failed, status === 'failed' ? 'error' : 'warn', message, now)],
        ...(!finalRunStatuses.has(last.status ?? run.status) && {
          run: {
            status,
            ...(status === 'failed' && {
              error_message: message,
              error_stack: stack,
              failed_step: failed?.step_key ?? null,
              failed_step_number: failed?.step_number ?? null,
            }),
            pause_reason: null,
            paused_by: null,
            paused_at: null,
            lease_until: null,
            completed_at: now.toISOString(),
            total_duration_ms: since(last.started_at ?? run.started_at),
          },
        }),
      };
    },
  };
}

function logLine(run: RunRow, step: Step | undefined, level: 'error' | 'warn', message: string, now: Date): NonNullable<Batch['logs']>[number] {
  return {
    id: uuidv7(now.getTime(), randomBytes(10)),
    test_run_id: run.test_run_id,
    generation_id: run.generation_id,
    step_key: step?.step_key ?? null,
    step_number: step?.step_number ?? null,
    parent_step_number: null,
    step_name: step?.step_name ?? null,
    step_type: level === 'error' ? 'error' : 'warning',
    log_level: level,
    message,
    data: null,
    metadata: { by: 'runner' },
    execution_context: step?.execution_context ?? 'server',
    function_name: step?.function_name ?? null,
    file_path: step?.file_path ?? null,
    line_number: null,
    duration_ms: null,
    timestamp: now.toISOString(),
  };
}
