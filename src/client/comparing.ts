import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import type { StepValues } from '../core/compare/comparison.ts';
import type { StepHints } from '../core/compare/likeness.ts';
import type { TimedExchange, TimedLog } from '../core/performance/profile-run.ts';
import type { PipelineHistory } from '../core/performance/performance.ts';
import type { DifferencesSummary, PerformanceDelta } from '../protocol/comparison.ts';
import { ExchangeRow } from '../protocol/debug-rows.ts';
import { limits } from '../protocol/limits.ts';
import { ComparisonRow, LogRow } from '../protocol/rows.ts';
import type { StepRow } from '../protocol/rows.ts';
import { request, send } from './request.ts';
import { readHistory } from './step-history.ts';
import { readStepHints } from './step-hints.ts';
import { readStepValues } from './step-values.ts';

/** What of a backend runs are compared with, and their times. */
export interface ComparingBackend {
  /** Keeps a comparison. */
  saveComparison(comparison: {
    readonly name: string;
    readonly description?: string | null | undefined;
    readonly runIds: readonly string[];
    readonly differences: DifferencesSummary;
    readonly performance: PerformanceDelta;
  }): Promise<ComparisonRow>;
  /** Saved comparisons, newest first; of some run, when one is named. */
  comparisons(filter?: { readonly runId?: string | undefined; readonly limit?: number | undefined }): Promise<readonly ComparisonRow[]>;
  removeComparison(id: string): Promise<void>;
  /** The newest runs of a pipeline, 50 unless told, at most `limits.historyRuns`, and how long each of their steps took. */
  stepHistory(pipelineKey: string, options?: HistoryOptions): Promise<PipelineHistory>;
  /** Reads the values of steps. Contents that several of them share are read, and held, once; so take one for each comparison. */
  valueReader(): ValueReader;
  /** The code of steps and the names of their inputs and outputs, by step key; contents are not read. */
  stepHints(runId: string, steps: readonly StepRow[]): Promise<ReadonlyMap<string, StepHints>>;
  /** What says how long a run waited for others: see `profileRun`. */
  waits(runId: string): Promise<{ readonly exchanges: readonly TimedExchange[]; readonly logs: readonly TimedLog[] }>;
}

export interface HistoryOptions {
  readonly limit?: number | undefined;
  /** ISO 8601: only runs made since. */
  readonly since?: string | undefined;
  /** ISO 8601: only runs made until then; the newest of those. */
  readonly until?: string | undefined;
  /** Only completed ones. */
  readonly completed?: boolean | undefined;
}

/** By step key; steps without a snapshot are not in it. */
export type ValueReader = (runId: string, steps: readonly Pick<StepRow, 'step_key' | 'attempt'>[]) => Promise<ReadonlyMap<string, StepValues>>;

const PAGE_ROWS = 1_000;
const TimedExchangeRow = ExchangeRow.pick({ id: true, ordinal: true, kind: true, step_key: true, started_at: true, duration_ms: true });
const TimedLogRow = LogRow.pick({ seq: true, execution_context: true, step_key: true, timestamp: true, duration_ms: true });

export function openComparing(supabase: SupabaseClient, url: string, userId: string | null): ComparingBackend {
  const table = () => supabase.from('test_execution_comparisons');
  const comparisons: ComparingBackend['comparisons'] = ({ runId, limit = 50 } = {}) => {
    const newest = table().select('*').order('created_at', { ascending: false }).order('id', { ascending: false }).limit(Math.min(limit, PAGE_ROWS));
    return request(url, 'list the comparisons', runId === undefined ? newest : newest.contains('run_ids', [runId]), z.array(ComparisonRow));
  };
  return {
    comparisons,
    saveComparison: async ({ name, description = null, runIds, differences, performance }) => {
      const row = { comparison_name: name, description, run_ids: [...runIds], differences_summary: differences, performance_delta: performance, created_by: userId };
      return await request(url, 'save the comparison', table().insert(row).select('*').single(), ComparisonRow);
    },
    removeComparison: async (id) => {
      await send(url, 'remove the comparison', table().delete().eq('id', id));
    },
    stepHistory: (pipelineKey, options) => readHistory(supabase, url, pipelineKey, options),
    valueReader: () => readStepValues(supabase, url),
    stepHints: (runId, steps) => readStepHints(supabase, url, runId, steps),
    waits: async (runId) => {
      const exchanges: z.infer<typeof TimedExchangeRow>[] = [];
      for (let last = -1; exchanges.length < limits.historyRows;) {
        const query = supabase.from('recorded_exchanges').select('id, ordinal, kind, step_key, started_at, duration_ms').eq('test_run_id', runId).in('kind', ['provider', 'fetch']);
        const page = await request(url, 'read what the run asked the outside world', query.gt('ordinal', last).order('ordinal').limit(PAGE_ROWS), z.array(TimedExchangeRow));
        exchanges.push(...page);
        if (page.length < PAGE_ROWS) break;
        last = page.at(-1)!.ordinal;
      }
      const logs: z.infer<typeof TimedLogRow>[] = [];
      for (let last = -1; exchanges.length === 0 && logs.length < limits.historyRows;) {
        const query = supabase.from('test_execution_logs').select('seq, execution_context, step_key, timestamp, duration_ms').eq('test_run_id', runId).eq('execution_context', 'provider');
        const page = await request(url, 'read the logs', query.not('duration_ms', 'is', null).gt('seq', last).order('seq').limit(PAGE_ROWS), z.array(TimedLogRow));
        logs.push(...page);
        if (page.length < PAGE_ROWS) break;
        last = page.at(-1)!.seq;
      }
      return { exchanges, logs };
    },
  };
}
