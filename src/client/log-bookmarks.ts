import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { LogBookmarkRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { LogRow } from '../protocol/rows.ts';
import type { Unsubscribe } from './backend.ts';
import { followAnew } from './follow-anew.ts';
import { request } from './request.ts';

/** Lines of logs that people marked, with notes. A line has one mark, whoever made it; a fork begins without any. */
export interface LogBookmarks {
  /** In the order of the log. */
  logBookmarks(runId: string): Promise<readonly LogBookmarkRow[]>;
  /**
   * Marks the line with this `seq`, or gives its mark another note, signed by whoever is signed in. `not-found` for a number that is
   * no line's, `too-large` for a note beyond {@link limits.logBookmarkBytes}, `conflict` when the run has {@link limits.logBookmarks}.
   */
  markLine(runId: string, seq: number, note?: string): Promise<LogBookmarkRow>;
  /** Takes the mark of a line away. False when it has none. */
  unmarkLine(runId: string, seq: number): Promise<boolean>;
  /** All marks of a run, now and whenever one is made, changed or removed. */
  followLogBookmarks(runId: string, onBookmarks: (bookmarks: readonly LogBookmarkRow[]) => void): Unsubscribe;
}

export function openLogBookmarks(supabase: SupabaseClient, url: string): LogBookmarks {
  const table = () => supabase.from('log_bookmarks');
  const read = (runId: string): Promise<readonly LogBookmarkRow[]> =>
    request(url, 'read the marked lines', table().select('*').eq('test_run_id', runId).order('seq').order('id').limit(limits.logBookmarks), z.array(LogBookmarkRow));
  return {
    logBookmarks: read,
    markLine: async (runId, seq, note = '') => {
      const text = note.trim();
      if (Buffer.byteLength(text) > limits.logBookmarkBytes) throw new UserError('too-large', `a note has at most ${limits.logBookmarkBytes} bytes`);
      const lines = supabase.from('test_execution_logs').select('id').eq('test_run_id', runId).eq('seq', seq);
      const [line] = await request(url, 'read the line', lines, z.array(LogRow.pick({ id: true })));
      if (line === undefined) throw new UserError('not-found', `no line ${seq} in the log of this run`, { hint: '`stepscope tail RUN --json` has their numbers, as seq' });
      const row = { test_run_id: runId, log_id: line.id, seq, note: text };
      return await request(url, 'mark the line', table().upsert(row, { onConflict: 'test_run_id,log_id' }).select('*').single(), LogBookmarkRow);
    },
    unmarkLine: async (runId, seq) => {
      const removed = await request(url, 'remove the mark', table().delete().eq('test_run_id', runId).eq('seq', seq).select('id'), z.array(LogBookmarkRow.pick({ id: true })));
      return removed.length > 0;
    },
    followLogBookmarks: (runId, onBookmarks) =>
      followAnew(supabase, `log-bookmarks-${runId}`, { table: 'log_bookmarks', filter: `test_run_id=eq.${runId}` }, () => read(runId), onBookmarks),
  };
}
