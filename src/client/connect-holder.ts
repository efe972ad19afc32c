import { z } from 'zod';
import { slowTimes } from '../core/step-times.ts';
import type { Batch } from '../protocol/batch.ts';
import { IngestResult } from '../protocol/batch.ts';
import { LeaseRow } from '../protocol/debug-rows.ts';
import { LeaseReport } from '../protocol/lease.ts';
import { limits } from '../protocol/limits.ts';
import { BreakpointRow, CommandRow, RunRow } from '../protocol/rows.ts';
import type { LinkState, Unsubscribe } from './backend.ts';
import type { ControlFeed, Holder } from './holder.ts';
import { openLiveChannel } from './live-channel.ts';
import { request, send } from './request.ts';
import type { Connection } from './supabase.ts';
import { closeSupabase, openSupabase, reconnectAfterMs } from './supabase.ts';

/** Pending runs are looked for this often, should an announcement be lost. */
const PENDING_POLL_MS = 5_000;

/** Earlier runs whose times say what is slow. */
const TIMED_RUNS = 30;

/** Connects as a holder of runs, with a secret key. Nothing is sent before the first call. */
export function connectHolder({ url, secretKey, through }: { readonly url: string; readonly secretKey: string; readonly through?: Connection['through'] }): Holder {
  const supabase = openSupabase({ url, key: secretKey, through });
  const call = <T>(doing: string, name: string, parameters: object, schema: z.ZodType<T>) =>
    request(url, doing, supabase.rpc(name, parameters), schema);

  return {
    url,
    db: supabase,

    ingest: (batch: Batch) => call('store what the run did', 'ingest', { batch }, IngestResult),
    storeBlobs: async (blobs) => {
      // One a request: each may be nearly as large as a body may be.
      for (const blob of blobs) {
        const options = { onConflict: 'test_run_id,hash', ignoreDuplicates: true };
        await send(url, 'store a state', supabase.from('snapshot_blobs').upsert([blob], options));
      }
    },

    heartbeat: (runId, holderId) => call('say that the run is held', 'hold_run', { run_id: runId, holder: holderId }, z.boolean()),
    settleCommand: (commandId, holderId, state, reason) =>
      call(
        'answer a command',
        'settle_command',
        { command_id: commandId, holder: holderId, new_state: state, why: reason ?? null },
        z.boolean(),
      ),
    lapsedLease: (runId, holder) => call('ask for the lease of the run', 'lapsed_lease', { run_id: runId, holder }, LeaseReport),
    pauseLease: async (runId) => {
      const living = supabase.from('run_leases').select('*').eq('test_run_id', runId).gt('expires_at', new Date().toISOString());
      return (await request(url, 'read whose pause it is', living, z.array(LeaseRow)))[0];
    },
    leaveHold: (runId, holder) => call('let the run go on', 'leave_hold', { run_id: runId, holder }, z.boolean()),
    releaseRun: (runId, holder) => call('give the run back', 'release_run', { run_id: runId, holder }, z.boolean()),
    takeUpRun: (runId, holder) => call('take the run up', 'take_up_run', { run_id: runId, holder }, z.boolean()),
    followControl,

    registerRunner: async (runner, pipelines) => {
      const now = new Date().toISOString();
      if (pipelines.length > 0)
        await send(url, 'register the pipelines', supabase.from('pipelines').upsert([...pipelines], { onConflict: 'pipeline_key' }));
      await send(url, 'register the runner', supabase.from('runners').upsert({ ...runner, heartbeat_at: now }, { onConflict: 'id' }));
    },
    runnerHeartbeat: async (runnerId) => {
      await send(
        url,
        'say that the runner is alive',
        supabase.from('runners').update({ heartbeat_at: new Date().toISOString() }).eq('id', runnerId),
      );
    },
    removeRunner: async (runnerId) => {
      await send(url, 'remove the runner', supabase.from('runners').delete().eq('id', runnerId));
    },
    claimRun: async (runnerId, pipelines) => {
      const [run] = await call('claim a run', 'claim_run', { runner_id: runnerId, pipeline_keys: pipelines }, z.array(RunRow));
      return run;
    },
    onPendingRun: (callback) => {
      const timer = setInterval(callback, PENDING_POLL_MS);
      const close = openLiveChannel(supabase, 'stepscope-pending', [{ table: 'test_execution_runs', filter: 'status=eq.pending' }], {
        onRow: ({ event }) => event !== 'DELETE' && callback(),
        onSubscribed: callback,
        onMissed: callback,
        onLost: () => undefined,
      });
      return () => {
        clearInterval(timer);
        close();
      };
    },

    close: () => closeSupabase(supabase),
  };

  /** How long steps usually take, by the newest runs that completed. */
  async function stepTimes(pipelineKey: string): Promise<Readonly<Record<string, number>>> {
    const runs = supabase.from('test_execution_runs').select('test_run_id').eq('pipeline_key', pipelineKey).eq('status', 'completed');
    const newest = await request(url, 'read earlier runs', runs.order('created_at', { ascending: false }).limit(TIMED_RUNS), z.array(z.object({ test_run_id: z.string() })));
    if (newest.length === 0) return {};
    const ids = newest.map((run) => run.test_run_id);
    const steps = supabase.from('test_execution_steps').select('step_key,duration_ms').in('test_run_id', ids).eq('status', 'completed').is('reused_from_run_id', null);
    return slowTimes(await request(url, 'read earlier times', steps.limit(limits.batchRows), z.array(z.object({ step_key: z.string(), duration_ms: z.number().nullable() }))));
  }

  async function followControl(runId: string, pipelineKey: string | null, feed: ControlFeed): Promise<Unsubscribe> {
    const heard = new Set<string>();
    const ready = Promise.withResolvers<void>();
    let stopped = false;
    let failures = 0;
    let timer: NodeJS.Timeout | undefined;
    let times: ReturnType<typeof stepTimes> | undefined;
    const say = (link: LinkState) => {
      if (!stopped) feed.onLink?.(link);
    };
    const hear = (command: CommandRow) => {
      if (stopped || command.state !== 'pending' || heard.has(command.id)) return;
      heard.add(command.id);
      feed.onCommand(command);
    };

    const readBreakpoints = async () => {
      if (pipelineKey === null) return;
      const query = supabase.from('breakpoints').select('*').eq('pipeline_key', pipelineKey).eq('enabled', true).order('number');
      const breakpoints = await request(url, 'read the breakpoints', query, z.array(BreakpointRow));
      const usual = breakpoints.some((one) => one.kind === 'slow' && one.threshold === null) ? await readTimes(pipelineKey) : undefined;
      if (!stopped) feed.onBreakpoints(breakpoints, usual);
    };
    // Once for the run: what it does itself must not move its own limits.
    const readTimes = (key: string) =>
      (times ??= stepTimes(key).catch((error: unknown) => {
        times = undefined;
        throw error;
      }));
    const readCommands = async () => {
      const query = supabase.from('test_execution_commands').select('*').eq('test_run_id', runId).eq('state', 'pending').order('seq');
      for (const command of await request(url, 'read the commands', query, z.array(CommandRow))) hear(command);
    };
    const read = async () => {
      clearTimeout(timer);
      try {
        await Promise.all([readBreakpoints(), readCommands()]);
        failures = 0;
        say({ state: 'live' });
        ready.resolve();
      } catch (error) {
        const retryInMs = reconnectAfterMs(++failures);
        say({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs });
        if (!stopped) timer = setTimeout(() => void read(), retryInMs);
      }
    };

    say({ state: 'connecting' });
    const bindings = [
      { table: 'test_execution_commands', filter: `test_run_id=eq.${runId}` },
      // Unfiltered: of a deleted row only its id is told.
      ...(pipelineKey === null ? [] : [{ table: 'breakpoints' } as const]),
    ] as const;
    const close = openLiveChannel(supabase, `stepscope-control-${runId}`, bindings, {
      onRow: ({ table, event, row }) => {
        if (table === 'breakpoints') return void read();
        if (event === 'DELETE') return;
        const command = CommandRow.safeParse(row);
        if (command.success) hear(command.data);
        else void read();
      },
      onSubscribed: () => void read(),
      onMissed: () => void read(),
      onLost: (reason, retryInMs) => say({ state: 'lost', reason, retryInMs }),
    });
    await ready.promise;
    return () => {
      stopped = true;
      clearTimeout(timer);
      close();
    };
  }
}
