import type { RunChange } from '../protocol/change.ts';
import type { JsonObject } from '../protocol/json.ts';
import type {
  AuditVerdict,
  BreakpointRow,
  CommandPayload,
  CommandRow,
  CommandVerb,
  LogRow,
  ModelRow,
  PipelineRow,
  RunRow,
  RunnerRow,
  StepRow,
} from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import type { Trace } from '../protocol/trace.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import type { Diagnosis } from './diagnosis.ts';

/** What a person sees of the link to the backend. */
export type LinkState =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** Rows that were missed are being read. */
  | { readonly state: 'catching-up' }
  | { readonly state: 'lost'; readonly reason: string; readonly retryInMs: number };

/** State, inputs and outputs around one step, put together from its manifest and blobs. */
export interface StepSnapshot {
  readonly stepKey: string;
  readonly attempt: number;
  readonly inputs: JsonObject | null;
  readonly outputs: JsonObject | null;
  readonly stateBefore: JsonObject | null;
  /** Null while the step has not ended. */
  readonly stateAfter: JsonObject | null;
  readonly source: {
    readonly code: string;
    readonly firstLine: number;
    readonly highlightFrom: number | null;
    readonly highlightTo: number | null;
    readonly filePath: string | null;
    readonly functionName: string | null;
  } | null;
  readonly isEdited: boolean;
}

export interface RunFilter {
  readonly status?: RunStatus | undefined;
  readonly pipeline?: string | undefined;
  readonly bookmarked?: boolean | undefined;
  readonly tag?: string | undefined;
  /** Words looked for in name, error, notes and bookmark. */
  readonly search?: string | undefined;
  readonly limit?: number | undefined;
  /** Keyset paging: runs created before this one. */
  readonly before?: RunRow | undefined;
}

export interface Follower {
  /**
   * Rows, in order of `seq`, each change once: first what is stored after `afterSeq`, then live. A batch is
   * what arrived together.
   */
  readonly onChanges: (changes: readonly RunChange[]) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

export interface ListFollower {
  /** Runs, pipelines, breakpoints and runners that were inserted or changed. The first call brings the newest runs. */
  readonly onRows: (rows: {
    readonly runs?: readonly RunRow[] | undefined;
    readonly pipelines?: readonly PipelineRow[] | undefined;
    readonly breakpoints?: readonly BreakpointRow[] | undefined;
    readonly runners?: readonly RunnerRow[] | undefined;
    readonly removed?: { readonly table: string; readonly ids: readonly string[] } | undefined;
  }) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

/** Stops a subscription; nothing is called afterwards. */
export type Unsubscribe = () => void;

/**
 * A backend as the terminal, the command line, trackers and runners see it: local, served or hosted, all
 * through supabase-js. Rows are parsed once here. Failures a person can act on are `UserError`s: an
 * unknown run is `not-found` with the closest ids, a refused row `forbidden`, no answer `unavailable`.
 */
export interface Backend {
  readonly url: string;
  /** Whom we act as, for badges and audit: `local@stepscope`, `service_role`. */
  readonly identity: string;
  /** For `doctor`. */
  readonly diagnosis: Diagnosis;

  /** May we do everything a person can: as a user with the role admin, or with a secret key? */
  isAdmin(): Promise<boolean>;

  runs(filter?: RunFilter): Promise<readonly RunRow[]>;
  /** By id, by unique prefix or suffix (four characters at least), or `last`. */
  run(reference: string): Promise<RunRow>;
  steps(runId: string): Promise<readonly StepRow[]>;
  logs(
    runId: string,
    options?: { readonly afterSeq?: number | undefined; readonly limit?: number | undefined },
  ): Promise<readonly LogRow[]>;
  snapshot(runId: string, stepKey: string, attempt?: number): Promise<StepSnapshot | undefined>;
  /** A whole run as one document. The audit log says first who took it out. */
  trace(runId: string): Promise<Trace>;
  /** Recomputes the audit log's chain of hashes. For admins and the service: `forbidden` for others. */
  verifyAudit(): Promise<AuditVerdict>;

  pipelines(): Promise<readonly PipelineRow[]>;
  models(): Promise<readonly ModelRow[]>;
  /** Runners whose heartbeat is fresh. */
  runners(): Promise<readonly RunnerRow[]>;

  /** Inserts a pending run for a runner to claim. Inputs are checked against the pipeline's schema first: `usage` with path and reason. */
  startRun(request: RunRequest): Promise<RunRow>;
  annotate(
    runId: string,
    marks: {
      readonly bookmarked?: boolean;
      readonly bookmarkName?: string | null;
      readonly tags?: readonly string[];
      readonly notes?: string | null;
    },
  ): Promise<RunRow>;

  /** Inserts a command. The answer is `pending`; {@link settled} waits for the tracker's word. */
  command(runId: string, verb: CommandVerb, payload?: CommandPayload): Promise<CommandRow>;
  /** Resolves when the command is `done` or `refused`; a command that expires is `refused`. */
  settled(command: CommandRow): Promise<CommandRow>;

  breakpoints(pipelineKey?: string): Promise<readonly BreakpointRow[]>;
  addBreakpoint(breakpoint: {
    readonly pipelineKey: string;
    readonly kind: BreakpointRow['kind'];
    readonly target: string | null;
  }): Promise<BreakpointRow>;
  setBreakpoint(id: string, change: { readonly enabled: boolean }): Promise<void>;
  removeBreakpoint(id: string): Promise<void>;

  /** Follows one run: no gap and no duplicate, through lost links. */
  followRun(runId: string, follower: Follower, options?: { readonly afterSeq?: number | undefined }): Unsubscribe;
  /** Follows the lists of runs, pipelines, breakpoints and runners. */
  followLists(follower: ListFollower): Unsubscribe;

  close(): Promise<void>;
}
