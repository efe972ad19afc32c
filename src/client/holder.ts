import type { SupabaseClient } from '@supabase/supabase-js';
import type { Batch, IngestResult } from '../protocol/batch.ts';
import type { BlobRow, BreakpointRow, CommandRow, PipelineRow, RunRow, RunnerRow } from '../protocol/rows.ts';
import type { LinkState, Unsubscribe } from './backend.ts';

/** What a holder hears while it executes a run. */
export interface ControlFeed {
  /** Commands still `pending`, each once, oldest first: those stored before, then live. */
  readonly onCommand: (command: CommandRow) => void;
  /** The whole set of enabled breakpoints of the pipeline, at once and after every change. */
  readonly onBreakpoints: (breakpoints: readonly BreakpointRow[]) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

/**
 * A backend as those see it who execute runs: trackers and runners, with a secret key. The other half,
 * for people, is `Backend`.
 */
export interface Holder {
  readonly url: string;
  /** For what pipelines keep themselves: models, jobs, ledger, files. */
  readonly db: SupabaseClient;

  /** Stores a batch; idempotent. Throws `conflict` when another holder has the run, `unavailable` when nobody answers. */
  ingest(batch: Batch): Promise<IngestResult>;
  /** Stores large blobs on their own path, each up to `limits.blobBytes`. Must precede the batch that names them. */
  storeBlobs(blobs: readonly Omit<BlobRow, 'created_at'>[]): Promise<void>;

  /** Says that the holder lives. False when the run has another holder now. */
  heartbeat(runId: string, holderId: string): Promise<boolean>;
  /** Moves a command by compare-and-set. False when it was not ours to move, or already moved: then do nothing. */
  settleCommand(commandId: string, holderId: string, state: 'accepted' | 'done' | 'refused', reason?: string): Promise<boolean>;
  /** Resolves once subscribed and the first reads are in. */
  followControl(runId: string, pipelineKey: string | null, feed: ControlFeed): Promise<Unsubscribe>;

  /** Registers the runner and its pipelines; a pipeline of the same key is replaced. */
  registerRunner(
    runner: Omit<RunnerRow, 'heartbeat_at' | 'started_at'>,
    pipelines: readonly Omit<PipelineRow, 'created_at' | 'updated_at'>[],
  ): Promise<void>;
  runnerHeartbeat(runnerId: string): Promise<void>;
  removeRunner(runnerId: string): Promise<void>;
  /** Takes the oldest pending run of these pipelines, if there is one. */
  claimRun(runnerId: string, pipelines: readonly string[]): Promise<RunRow | undefined>;
  /** Calls back when a pending run may be there to claim. */
  onPendingRun(callback: () => void): Unsubscribe;

  close(): Promise<void>;
}
