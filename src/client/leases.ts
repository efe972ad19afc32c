import type { SupabaseClient } from '@supabase/supabase-js';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import { UserError } from '../protocol/error.ts';
import { AskedLease } from '../protocol/lease.ts';
import { limits } from '../protocol/limits.ts';
import { LeaseRow } from '../protocol/debug-rows.ts';
import type { LeaseHandle, LeaseOptions, Unsubscribe } from './backend.ts';
import { followAnew } from './follow-anew.ts';
import { request, send } from './request.ts';

/** The leases of one connection; each terminal has one. */
export interface Leases {
  /** The name under which this connection holds leases. */
  readonly terminal: string;
  readonly read: (runId: string) => Promise<LeaseRow | undefined>;
  /** Throws `conflict` when another terminal has it and `take` is not given, or when the run has ended. */
  readonly keep: (runId: string, options: LeaseOptions) => Promise<LeaseHandle>;
  /** Whose the pause is, now and whenever that changes; undefined where no terminal holds it. */
  readonly follow: (runId: string, onLease: (lease: LeaseRow | undefined) => void) => Unsubscribe;
  /** Gives back what is kept. */
  readonly close: () => Promise<void>;
}

export function openLeases(supabase: SupabaseClient, url: string): Leases {
  const terminal = `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`;
  const kept = new Set<LeaseHandle>();

  const ask = (runId: string, take: boolean): Promise<AskedLease> =>
    request(
      url,
      'hold the pause',
      supabase.rpc('hold_lease', { run_id: runId, terminal, seconds: limits.terminalLeaseMs / 1000, take }),
      AskedLease,
    );

  const keep = async (runId: string, { take = false, onLost }: LeaseOptions): Promise<LeaseHandle> => {
    const asked = await ask(runId, take);
    if (!asked.mine) {
      throw new UserError('conflict', `the pause is ${asked.owner_name}'s, at ${asked.terminal} since ${asked.taken_at}`, {
        hint: `Take it over with \`stepscope take ${runId}\`, or \`:take\` in the terminal`,
      });
    }
    const renew = async () => {
      try {
        const now = await ask(runId, false);
        if (now.mine || !kept.has(handle)) return;
        stop();
        onLost?.(now);
      } catch (error) {
        // One that does not get through is made good by the next; a run that has ended or is gone has no lease.
        if (error instanceof UserError && ['conflict', 'not-found', 'forbidden', 'unauthorized'].includes(error.code)) stop();
      }
    };
    const timer = setInterval(() => void renew(), limits.leaseRenewalMs);
    timer.unref();
    const stop = () => {
      clearInterval(timer);
      kept.delete(handle);
    };
    const handle: LeaseHandle = {
      runId,
      release: async () => {
        if (!kept.has(handle)) return;
        stop();
        await send(url, 'let go of the pause', supabase.rpc('release_lease', { run_id: runId, terminal }));
      },
    };
    kept.add(handle);
    return handle;
  };

  const read = async (runId: string): Promise<LeaseRow | undefined> => {
    const query = supabase.from('run_leases').select('*').eq('test_run_id', runId);
    return (await request(url, 'read whose pause it is', query, z.array(LeaseRow)))[0];
  };

  return {
    terminal,
    read,
    keep,
    follow: (runId, onLease) =>
      followAnew(supabase, `lease-${runId}`, { table: 'run_leases', filter: `test_run_id=eq.${runId}` }, () => read(runId), onLease),
    close: async () => {
      // Nobody waits long for a backend that is gone: the lease then ends by itself.
      await Promise.all([...kept].map((handle) => handle.release().catch(() => undefined)));
    },
  };
}
