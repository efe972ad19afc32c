import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { ApprovalRow } from '../protocol/debug-rows.ts';
import { limits } from '../protocol/limits.ts';
import { AuditVerdict, ModelRow } from '../protocol/account-rows.ts';
import { BlobRow, LogRow, PipelineRow, RunRow, RunnerRow, SnapshotRow, StepRow } from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import type { Backend, StepSnapshot } from './backend.ts';
import { openAllLogs } from './all-logs.ts';
import { openBreakpoints } from './breakpoints.ts';
import { sendCommand, settledCommand } from './commands.ts';
import { openComments } from './comments.ts';
import { openLogBookmarks } from './log-bookmarks.ts';
import { openComparing } from './comparing.ts';
import { openDebugSessions } from './debug-sessions.ts';
import { createDiagnosis } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';
import { followLists } from './list-reader.ts';
import { openFiles } from './files.ts';
import { openLeases } from './leases.ts';
import { request } from './request.ts';
import { createReruns } from './reruns.ts';
import { openCharges } from './run-charges.ts';
import { findRun, findRuns } from './run-lookup.ts';
import { followRun } from './run-reader.ts';
import { assembleSnapshot, blobText, hashesOf } from './snapshots.ts';
import { searchRuns } from './search-runs.ts';
import { startRun } from './start-run.ts';
import type { Connection } from './supabase.ts';
import { importRun } from './trace/import-run.ts';
import { readRun } from './trace/read-run.ts';
import { digestOf } from './trace/recording.ts';
import { documentOf } from './trace/write-document.ts';
import { closeSupabase, openSupabase, signIn } from './supabase.ts';

/** The Data API gives at most this many rows an answer. */
const PAGE_ROWS = 1_000;
/** Blobs named in one request; their hashes travel in its address. */
const BLOBS_A_REQUEST = 40;

/** Our own server says when it leaves changes out; a hosted one may not, and is asked more often. */
const pollMs = { own: 30_000, hosted: 5_000 } as const;

/** Connects as a person. Throws `unauthorized` or `unavailable`; without a password nothing is sent before the first call. */
export async function connectBackend(connection: Connection): Promise<Backend> {
  const supabase = openSupabase(connection);
  const sender = await signIn(supabase, connection);
  return backendOver(supabase, connection.url, sender, createDiagnosis(supabase, connection));
}

function backendOver(
  supabase: SupabaseClient,
  url: string,
  sender: { readonly identity: string; readonly userId: string | null },
  diagnosis: Diagnosis,
): Backend {
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  const rows = <T>(
    doing: string,
    query: PromiseLike<{ data: unknown; error: null | { message: string }; status: number }>,
    schema: z.ZodType<T>,
  ) => request(url, doing, query, z.array(schema));

  const leases = openLeases(supabase, url);
  const { close: leaveSessions, ...sessions } = openDebugSessions(supabase, url, sender, (reference) => findRun(supabase, url, reference));
  const backend: Backend = {
    ...openComparing(supabase, url, sender.userId),
    ...openFiles(supabase, url),
    url,
    identity: sender.identity,
    terminal: leases.terminal,
    diagnosis,

    isAdmin: async () =>
      sender.identity === 'service_role' ||
      (sender.identity !== 'anon' && (await request(url, 'ask for our role', supabase.rpc('is_admin_user'), z.boolean()))),

    runs: (filter = {}) => findRuns(supabase, url, filter),
    searchRuns: (filter, options) => searchRuns(supabase, url, filter, options),
    run: (reference) => findRun(supabase, url, reference),
    steps: (runId) =>
      pages((from, to) =>
        rows(
          'read the steps',
          supabase
            .from('test_execution_steps')
            .select('*')
            .eq('test_run_id', runId)
            .order('ordinal')
            .order('attempt')
            .order('id')
            .range(from, to),
          StepRow,
        ),
      ),
    logs: async (runId, { afterSeq = -1, beforeSeq, limit = Infinity } = {}) => {
      const isFromEnd = beforeSeq !== undefined;
      const found: LogRow[] = [];
      let before = beforeSeq ?? Infinity;
      for (let after = afterSeq; found.length < limit;) {
        const wanted = Math.min(PAGE_ROWS, limit - found.length);
        const query = supabase.from('test_execution_logs').select('*').eq('test_run_id', runId).gt('seq', after).order('seq', { ascending: !isFromEnd }).limit(wanted);
        const page = await rows('read the logs', Number.isFinite(before) ? query.lt('seq', before) : query, LogRow);
        found.push(...page);
        if (page.length < wanted) break;
        if (isFromEnd) before = page.at(-1)!.seq;
        else after = page.at(-1)!.seq;
      }
      return isFromEnd ? found.reverse() : found;
    },
    snapshot: async (runId, stepKey, attempt) => {
      let query = supabase.from('test_execution_snapshots').select('*').eq('test_run_id', runId).eq('step_key', stepKey);
      if (attempt !== undefined) query = query.eq('attempt', attempt);
      const [row] = await rows('read the snapshot', query.order('attempt', { ascending: false }).limit(1), SnapshotRow);
      return row === undefined ? undefined : await readSnapshot(runId, row);
    },
    trace: async (runId) => await documentOf(readRun(supabase, url, runId)),
    traceRows: (runId) => readRun(supabase, url, runId),
    runDigest: async (runId) => await digestOf(readRun(supabase, url, runId, { isTakenOut: false })),
    content: async (runId, hash) => {
      const [blob] = await readBlobs(runId, [hash]);
      return blob === undefined ? undefined : await blobText(blob);
    },
    importRun: (source, options) => importRun(supabase, url, source, options),
    verifyAudit: () => request(url, 'check the audit log', supabase.rpc('verify_audit_log'), AuditVerdict),

    pipelines: () => rows('list the pipelines', supabase.from('pipelines').select('*').order('pipeline_key'), PipelineRow),
    models: () => rows('list the models', supabase.from('models').select('*').order('model_name'), ModelRow),
    runners: () => {
      const since = new Date(Date.now() - limits.heartbeatExpiryMs).toISOString();
      return rows('list the runners', supabase.from('runners').select('*').gt('heartbeat_at', since).order('started_at'), RunnerRow);
    },

    ...createReruns(supabase, url, () => backend),
    startRun: (wanted: RunRequest) => startRun(supabase, url, wanted, sender.userId),
    annotate: async (runId, marks) => {
      const change = {
        ...(marks.bookmarked === undefined ? {} : { bookmarked: marks.bookmarked }),
        ...(marks.bookmarkName === undefined ? {} : { bookmark_name: marks.bookmarkName }),
        ...(marks.tags === undefined ? {} : { tags: marks.tags }),
        ...(marks.notes === undefined ? {} : { notes: marks.notes }),
      };
      return await request(
        url,
        'mark the run',
        supabase.from('test_execution_runs').update(change).eq('test_run_id', runId).select('*').single(),
        RunRow,
      );
    },

    command: (runId, verb, payload = {}) => sendCommand(supabase, url, sender, { runId, verb, payload }),
    settled: (command) => settledCommand(supabase, url, command),

    lease: (runId) => leases.read(runId),
    followLease: (runId, onLease) => leases.follow(runId, onLease),
    keepLease: async (runId, options = {}) => {
      const handle = await leases.keep(runId, options);
      // Who took it is told by the run itself, to everybody who looks at it.
      if (options.take) await backend.command(runId, 'take');
      return handle;
    },
    approvals: ({ state, runId } = {}) => {
      let query = supabase.from('approvals').select('*').order('created_at', { ascending: false }).limit(PAGE_ROWS);
      if (state !== undefined) query = query.eq('state', state);
      if (runId !== undefined) query = query.eq('test_run_id', runId);
      return rows('list the approvals', query, ApprovalRow);
    },

    ...openBreakpoints(supabase, url, sender.userId),
    ...openComments(supabase, url),
    ...openAllLogs(supabase, url),
    ...openCharges(supabase, url),
    ...openLogBookmarks(supabase, url),
    ...sessions,

    followRun: (runId, follower, { afterSeq = 0 } = {}) =>
      followRun(supabase, url, runId, follower, { afterSeq, pollMs: isLocal ? pollMs.own : pollMs.hosted }),
    followLists: (follower) =>
      followLists(
        supabase,
        async () => {
          const [runs, pipelines, breakpoints, runners, watches] = await Promise.all([
            backend.runs(),
            backend.pipelines(),
            backend.breakpoints(),
            backend.runners(),
            backend.watches(),
          ]);
          return { runs, pipelines, breakpoints, runners, watches };
        },
        follower,
      ),

    close: async () => {
      await Promise.all([leases.close(), leaveSessions()]);
      await closeSupabase(supabase);
    },
  };
  return backend;

  async function readSnapshot(runId: string, row: SnapshotRow): Promise<StepSnapshot> {
    return await assembleSnapshot(row, await readBlobs(runId, hashesOf(row)));
  }

  async function readBlobs(runId: string, hashes: readonly string[]): Promise<readonly BlobRow[]> {
    const found: BlobRow[] = [];
    for (let i = 0; i < hashes.length; i += BLOBS_A_REQUEST) {
      const some = hashes.slice(i, i + BLOBS_A_REQUEST);
      found.push(
        ...(await rows(
          'read the state',
          supabase
            .from('snapshot_blobs')
            .select('*')
            .eq('test_run_id', runId)
            .in('hash', [...some]),
          BlobRow,
        )),
      );
    }
    return found;
  }
}

async function pages<T>(read: (from: number, to: number) => Promise<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = [];
  for (;;) {
    const page = await read(all.length, all.length + PAGE_ROWS - 1);
    all.push(...page);
    if (page.length < PAGE_ROWS) return all;
  }
}
