import type { ApprovalRow, ApprovalState, LeaseRow } from '../protocol/debug-rows.ts';
import type { RunChange } from '../protocol/change.ts';
import type { BreakpointDraft } from '../core/breakpoint-draft.ts';
import type { ParsedRunFilter } from '../core/run-filter.ts';
import type { LogLines, Reading } from '../core/log-lines.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { AuditVerdict, ModelRow } from '../protocol/account-rows.ts';
import type {
  BreakpointRow,
  CommandPayload,
  CommandRow,
  CommandVerb,
  LogRow,
  PipelineRow,
  RunRow,
  RunnerRow,
  StepRow,
} from '../protocol/rows.ts';
import type { WatchRow } from '../protocol/debug-rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import type { Trace, TraceRow } from '../protocol/trace.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import type { AllLogs } from './all-logs.ts';
import type { Comments } from './comments.ts';
import type { LogBookmarks } from './log-bookmarks.ts';
import type { ComparingBackend } from './comparing.ts';
import type { DebugSessions } from './debug-sessions.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { ReadsCharges } from './run-charges.ts';
import type { StoredFiles } from './files.ts';
import type { Reruns } from './reruns.ts';
import type { FoundRuns } from './search-runs.ts';
import type { ImportOptions, ImportOutcome, RunToImport } from './trace/import-run.ts';

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
  /** Where the log lies in a file: its lines as far as they are known by now, in place of changes that bring them. */
  readonly onLines?: ((lines: LogLines, reading: Reading) => void) | undefined;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

export interface ListFollower {
  /** Runs, pipelines, breakpoints, watches and runners that were inserted or changed. The first call brings the newest runs. */
  readonly onRows: (rows: {
    readonly runs?: readonly RunRow[] | undefined;
    readonly pipelines?: readonly PipelineRow[] | undefined;
    readonly breakpoints?: readonly BreakpointRow[] | undefined;
    readonly runners?: readonly RunnerRow[] | undefined;
    readonly watches?: readonly WatchRow[] | undefined;
    readonly removed?: { readonly table: string; readonly ids: readonly string[] } | undefined;
  }) => void;
  readonly onLink?: ((link: LinkState) => void) | undefined;
}

export interface LeaseOptions {
  /** Also when another terminal has it. Without it that is a `conflict`. */
  readonly take?: boolean | undefined;
  /** Somebody has taken it over; nothing is renewed any more. */
  readonly onLost?: ((lease: LeaseRow) => void) | undefined;
}

/** A pause that this connection holds, and says so every {@link limits.leaseRenewalMs}. */
export interface LeaseHandle {
  readonly runId: string;
  /** Lets go of it: the pause is nobody's then. Safe to call twice. */
  release(): Promise<void>;
}

/** Stops a subscription; nothing is called afterwards. */
export type Unsubscribe = () => void;

/**
 * A backend as the terminal, the command line, trackers and runners see it: local, served or hosted, all
 * through supabase-js. Rows are parsed once here. Failures a person can act on are `UserError`s: an
 * unknown run is `not-found` with the closest ids, a refused row `forbidden`, no answer `unavailable`.
 */
export interface Backend extends ComparingBackend, Reruns, Comments, LogBookmarks, DebugSessions, AllLogs, ReadsCharges {
  readonly url: string;
  /** Whom we act as, for badges and audit: `local@stepscope`, `service_role`. */
  readonly identity: string;
  /** The name under which this connection holds pauses. */
  readonly terminal: string;
  /** For `doctor`. */
  readonly diagnosis: Diagnosis;

  /** May we do everything a person can: as a user with the role admin, or with a secret key? */
  isAdmin(): Promise<boolean>;

  runs(filter?: RunFilter): Promise<readonly RunRow[]>;
  /**
   * Runs that a filter (`core/run-filter.ts`) lets through, newest first, {@link FoundRuns.after} one another. What the
   * database can tell is asked there; of the rest at most {@link limits.searchedRuns} are looked at.
   */
  searchRuns(filter: ParsedRunFilter, options?: { readonly limit?: number | undefined; readonly after?: RunRow | undefined }): Promise<FoundRuns>;
  /** By id, by unique prefix or suffix (four characters at least), or `last`. */
  run(reference: string): Promise<RunRow>;
  steps(runId: string): Promise<readonly StepRow[]>;
  /**
   * The log in its order: the first `limit` lines after `afterSeq`, or, with `beforeSeq`, the last ones before it
   * (`Infinity` for the end of the log), from the end and without reading what lies before.
   */
  logs(
    runId: string,
    options?: { readonly afterSeq?: number | undefined; readonly beforeSeq?: number | undefined; readonly limit?: number | undefined },
  ): Promise<readonly LogRow[]>;
  snapshot(runId: string, stepKey: string, attempt?: number): Promise<StepSnapshot | undefined>;
  /** A whole run as one document. The audit log says first who took it out. Large runs are better read as {@link traceRows}. */
  trace(runId: string): Promise<Trace>;
  /**
   * A whole run, masked, in the order of a trace: page by page, so that it may be of any size. The audit log says first who
   * took it out.
   */
  traceRows(runId: string): AsyncIterable<readonly TraceRow[]>;
  storedFile: StoredFiles['storedFile'];
  /** The JSON text of a stored content by its hash; undefined when it is gone. */
  content(runId: string, hash: string): Promise<string | undefined>;
  /** The sum of all rows of a run as a trace has them, to tell whether a file has the same: SHA-256 in hexadecimal. */
  runDigest(runId: string): Promise<string>;
  /**
   * Stores a recording with ids, numbers and times as they are. Nobody sees anything of it before all is there, and nothing
   * is there when it fails. Answers `here`, and stores nothing, when there is a run of that id.
   */
  importRun(source: RunToImport, options?: ImportOptions): Promise<ImportOutcome>;
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

  /** Whose pause a run is, when a terminal holds it. */
  lease(runId: string): Promise<LeaseRow | undefined>;
  /**
   * Makes the pause of a run ours until it is released, this connection is closed or ends: then the run's
   * `on_lease_end` applies after {@link limits.terminalLeaseMs}. With `take` the run names us as who holds it.
   */
  keepLease(runId: string, options?: LeaseOptions): Promise<LeaseHandle>;
  /** Whose pause a run is, now and whenever that changes. */
  followLease(runId: string, onLease: (lease: LeaseRow | undefined) => void): Unsubscribe;
  /** Approvals that runs wait or waited for, newest first. */
  approvals(filter?: { readonly state?: ApprovalState | undefined; readonly runId?: string | undefined }): Promise<readonly ApprovalRow[]>;

  breakpoints(pipelineKey?: string): Promise<readonly BreakpointRow[]>;
  /** Checked first: `usage`, with the place in a text that does not parse. One that says the same is switched on again. */
  addBreakpoint(breakpoint: BreakpointDraft): Promise<BreakpointRow>;
  /** Changes what is given, checked as {@link addBreakpoint} does. */
  setBreakpoint(id: string, change: Partial<Omit<BreakpointDraft, 'pipelineKey'>> & { readonly enabled?: boolean }): Promise<void>;
  removeBreakpoint(id: string): Promise<void>;

  /** Expressions that are shown at every stop of a pipeline's runs. Whoever shows them evaluates them (`core/watch.ts`). */
  watches(pipelineKey?: string): Promise<readonly WatchRow[]>;
  /** `usage`, with the place, when the expression does not parse. */
  addWatch(pipelineKey: string, expression: string): Promise<WatchRow>;
  removeWatch(id: string): Promise<void>;

  /** Follows one run: no gap and no duplicate, through lost links. */
  followRun(runId: string, follower: Follower, options?: { readonly afterSeq?: number | undefined }): Unsubscribe;
  /** Follows the lists of runs, pipelines, breakpoints, watches and runners. */
  followLists(follower: ListFollower): Unsubscribe;

  close(): Promise<void>;
}
