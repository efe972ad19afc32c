import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import {
  AuditVerdict,
  BlobRow,
  BreakpointRow,
  CommandRow,
  LogRow,
  ModelRow,
  PipelineRow,
  RunRow,
  RunnerRow,
  SnapshotRow,
  StepRow,
} from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import type { Trace } from '../protocol/trace.ts';
import { TRACE_VERSION } from '../protocol/trace.ts';
import type { Backend, StepSnapshot } from './backend.ts';
import { sendCommand, settledCommand } from './commands.ts';
import { createDiagnosis } from './diagnosis.ts';
import type { Diagnosis } from './diagnosis.ts';
import { followLists } from './list-reader.ts';
import { request, send } from './request.ts';
import { findRun, findRuns } from './run-lookup.ts';
import { followRun } from './run-reader.ts';
import { assembleSnapshot, hashesOf } from './snapshots.ts';
import { startRun } from './start-run.ts';
import type { Connection } from './supabase.ts';
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

  const backend: Backend = {
    url,
    identity: sender.identity,
    diagnosis,

    isAdmin: async () =>
      sender.identity === 'service_role' ||
      (sender.identity !== 'anon' && (await request(url, 'ask for our role', supabase.rpc('is_admin_user'), z.boolean()))),

    runs: (filter = {}) => findRuns(supabase, url, filter),
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
    logs: async (runId, { afterSeq = -1, limit = Infinity } = {}) => {
      const found: LogRow[] = [];
      for (let last = afterSeq; found.length < limit; last = found.at(-1)!.seq) {
        const wanted = Math.min(PAGE_ROWS, limit - found.length);
        const query = supabase.from('test_execution_logs').select('*').eq('test_run_id', runId).gt('seq', last).order('seq').limit(wanted);
        const page = await rows('read the logs', query, LogRow);
        found.push(...page);
        if (page.length < wanted) break;
      }
      return found;
    },
    snapshot: async (runId, stepKey, attempt) => {
      let query = supabase.from('test_execution_snapshots').select('*').eq('test_run_id', runId).eq('step_key', stepKey);
      if (attempt !== undefined) query = query.eq('attempt', attempt);
      const [row] = await rows('read the snapshot', query.order('attempt', { ascending: false }).limit(1), SnapshotRow);
      return row === undefined ? undefined : await readSnapshot(runId, row);
    },
    trace: (runId) => readTrace(runId),
    verifyAudit: () => request(url, 'check the audit log', supabase.rpc('verify_audit_log'), AuditVerdict),

    pipelines: () => rows('list the pipelines', supabase.from('pipelines').select('*').order('pipeline_key'), PipelineRow),
    models: () => rows('list the models', supabase.from('models').select('*').order('model_name'), ModelRow),
    runners: () => {
      const since = new Date(Date.now() - limits.heartbeatExpiryMs).toISOString();
      return rows('list the runners', supabase.from('runners').select('*').gt('heartbeat_at', since).order('started_at'), RunnerRow);
    },

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

    breakpoints: (pipelineKey) => {
      const all = supabase.from('breakpoints').select('*').order('pipeline_key').order('number');
      return rows('list the breakpoints', pipelineKey === undefined ? all : all.eq('pipeline_key', pipelineKey), BreakpointRow);
    },
    addBreakpoint: (breakpoint) => addBreakpoint(breakpoint),
    setBreakpoint: async (id, { enabled }) => {
      await request(
        url,
        'change the breakpoint',
        supabase.from('breakpoints').update({ enabled }).eq('id', id).select('id').single(),
        z.object({ id: z.string() }),
      );
    },
    removeBreakpoint: async (id) => {
      await send(url, 'remove the breakpoint', supabase.from('breakpoints').delete().eq('id', id));
    },

    followRun: (runId, follower, { afterSeq = 0 } = {}) =>
      followRun(supabase, url, runId, follower, { afterSeq, pollMs: isLocal ? pollMs.own : pollMs.hosted }),
    followLists: (follower) =>
      followLists(
        supabase,
        async () => {
          const [runs, pipelines, breakpoints, runners] = await Promise.all([
            backend.runs(),
            backend.pipelines(),
            backend.breakpoints(),
            backend.runners(),
          ]);
          return { runs, pipelines, breakpoints, runners };
        },
        follower,
      ),

    close: () => closeSupabase(supabase),
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

  async function readTrace(runId: string): Promise<Trace> {
    await send(url, 'have the export recorded', supabase.rpc('record_export', { run_id: runId }));
    const run = await request(
      url,
      'read the run',
      supabase.from('test_execution_runs').select('*').eq('test_run_id', runId).single(),
      RunRow,
    );
    const of = (table: string, order: string) => supabase.from(table).select('*').eq('test_run_id', runId).order(order);
    const [steps, snapshots, logs, commands] = await Promise.all([
      backend.steps(runId),
      pages((from, to) => rows('read the snapshots', of('test_execution_snapshots', 'id').range(from, to), SnapshotRow)),
      backend.logs(runId),
      pages((from, to) => rows('read the commands', of('test_execution_commands', 'id').range(from, to), CommandRow)),
    ]);
    const blobs = await readBlobs(runId, [...new Set(snapshots.flatMap(hashesOf))]);
    return {
      stepscope: 'trace',
      version: TRACE_VERSION,
      exportedAt: new Date().toISOString(),
      run,
      steps: [...steps],
      snapshots: [...snapshots],
      blobs: [...blobs],
      logs: [...logs],
      commands: [...commands],
    };
  }

  async function addBreakpoint(breakpoint: Parameters<Backend['addBreakpoint']>[0]): Promise<BreakpointRow> {
    const { pipelineKey, kind, target } = breakpoint;
    for (let attempt = 1; ; attempt++) {
      const known = await backend.breakpoints(pipelineKey);
      const same = known.find((one) => one.kind === kind && one.target === target);
      if (same !== undefined) {
        await backend.setBreakpoint(same.id, { enabled: true });
        return { ...same, enabled: true };
      }
      const number = Math.max(0, ...known.map((one) => one.number)) + 1;
      const row = { pipeline_key: pipelineKey, number, kind, target, enabled: true, created_by: sender.userId };
      try {
        return await request(url, 'set the breakpoint', supabase.from('breakpoints').insert(row).select('*').single(), BreakpointRow);
      } catch (error) {
        // Somebody took the number in the same moment.
        if (!(error instanceof UserError && error.code === 'conflict') || attempt === 5) throw error;
      }
    }
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
