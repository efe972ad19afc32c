import type { SupabaseClient } from '@supabase/supabase-js';
import type { Batch, IngestResult } from '../protocol/batch.ts';
import type { LeaseRow } from '../protocol/debug-rows.ts';
import type { LeaseReport } from '../protocol/lease.ts';
import type { BlobRow, BreakpointRow, CommandRow, PipelineRow, RunRow, RunnerRow } from '../protocol/rows.ts';
import type { LinkState, Unsubscribe } from './backend.ts';

/** What a holder hears while it executes a run. */
export interface ControlFeed {
  /** Commands still `pending`, each once, oldest first: those stored before, then live. */
  readonly onCommand: (command: CommandRow) => void;
  /**
   * The whole set of enabled breakpoints of the pipeline, at once and after every change. `times` is the 95th percentile of
   * earlier runs, in milliseconds by step key, when one of them asks for it.
   */
  readonly onBreakpoints: (breakpoints: readonly BreakpointRow[], times?: Readonly<Record<string, number>>) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
  /** While the run is held, with each heartbeat, when a terminal has its lease; and once when that has ended. */
  readonly onLease?: ((report: Exclude<LeaseReport, { readonly state: 'none' }>) => void) | undefined;
  /** Another process executes the run now. */
  readonly onHolderLost?: (() => void) | undefined;
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
  /** How the lease of a run that we hold before a step stands. One that has ended is told once. */
  lapsedLease(runId: string, holderId: string): Promise<LeaseReport>;
  /** Whose the pause of a run is, while the lease of a terminal lives. */
  pauseLease(runId: string): Promise<LeaseRow | undefined>;
  /** Before a held run goes on without a command: nobody takes it up from here on. False when it is not ours. */
  leaveHold(runId: string, holderId: string): Promise<boolean>;
  /** Gives a run that is held to whoever comes. False when it is not ours to give, or cannot be taken up. */
  releaseRun(runId: string, holderId: string): Promise<boolean>;
  /** Takes up a run of a program's own, which no runner executes. False when somebody has it, or it cannot be. */
  takeUpRun(runId: string, holderId: string): Promise<boolean>;
  /** Resolves once subscribed and the first reads are in. */
  followControl(runId: string, pipelineKey: string | null, feed: ControlFeed): Promise<Unsubscribe>;

  /** Registers the runner and its pipelines; a pipeline of the same key is replaced. */
  registerRunner(
    runner: Omit<RunnerRow, 'heartbeat_at' | 'started_at'>,
    pipelines: readonly Omit<PipelineRow, 'created_at' | 'updated_at'>[],
  ): Promise<void>;
  runnerHeartbeat(runnerId: string): Promise<void>;
  removeRunner(runnerId: string): Promise<void>;
  /** Takes a run of these pipelines that is held and has lost its holder (it is `paused`), else the oldest pending one. */
  claimRun(runnerId: string, pipelines: readonly string[]): Promise<RunRow | undefined>;
  /** Calls back when a pending run may be there to claim. */
  onPendingRun(callback: () => void): Unsubscribe;

  close(): Promise<void>;
}
