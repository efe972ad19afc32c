import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { LedgerRow } from '../protocol/account-rows.ts';
import { request } from './request.ts';

/** What a run has cost, in credits. */
export interface RunCharges {
  readonly charged: number;
  /** What it would have cost where nothing was charged, as in test mode. */
  readonly wouldHaveCharged: number;
}

export interface ReadsCharges {
  /** Policies decide what of the ledger is seen; what is not seen counts as nothing. */
  runCharges(runId: string): Promise<RunCharges>;
}

/** Charges of one run that are read; a run makes one for each generation. */
const MOST_CHARGES = 1_000;

export function openCharges(supabase: SupabaseClient, url: string): ReadsCharges {
  return {
    runCharges: async (runId) => {
      const query = supabase.from('credit_ledger').select('*').eq('run_id', runId).order('id').limit(MOST_CHARGES);
      const rows = await request(url, 'read what the run has cost', query, z.array(LedgerRow));
      return { charged: -rows.reduce((sum, { amount }) => sum + amount, 0) || 0, wouldHaveCharged: rows.reduce((sum, row) => sum + row.would_have_charged, 0) };
    },
  };
}
