import type { RunInfo } from 'stepscope';
import type { Reservation } from './state.ts';

/** A movement of credits for a job. The table takes one debit and one refund a job, and never changes a line. */
export function ledgerEntry(run: RunInfo, { jobId, charged, wouldHaveCharged }: Reservation, kind: 'debit' | 'refund', reason: string): Readonly<Record<string, unknown>> {
  const sign = kind === 'debit' ? -1 : 1;
  return { user_id: run.userId, run_id: run.id, job_id: jobId, kind, amount: sign * charged, would_have_charged: -sign * wouldHaveCharged, reason };
}
