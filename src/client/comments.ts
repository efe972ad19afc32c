import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { CommentRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { followAnew } from './follow-anew.ts';
import type { Unsubscribe } from './backend.ts';
import { request } from './request.ts';

/** Comments of one run that are read; a run with more has a list that nobody reads. */
const MOST_COMMENTS = 1_000;

/** What somebody wants to say, and of what. */
export interface CommentDraft {
  readonly runId: string;
  readonly stepKey?: string | null | undefined;
  /** Id of a line of the log. */
  readonly logId?: string | null | undefined;
  /** JSON Pointer into the state after the step. */
  readonly path?: string | null | undefined;
  readonly body: string;
}

/** What people say to each other about runs. */
export interface Comments {
  /** Oldest first. */
  comments(runId: string): Promise<readonly CommentRow[]>;
  /** Signed with the name of whoever is signed in. `usage` when it is empty, `not-found` for a line that is not of the run, `too-large` beyond {@link limits.commentBytes}. */
  addComment(draft: CommentDraft): Promise<CommentRow>;
  /** Settles a comment, or opens it again. */
  resolveComment(id: string, resolved?: boolean): Promise<CommentRow>;
  /** All comments of a run, now and whenever one is added or changed. */
  followComments(runId: string, onComments: (comments: readonly CommentRow[]) => void): Unsubscribe;
}

export function openComments(supabase: SupabaseClient, url: string): Comments {
  const read = (runId: string): Promise<readonly CommentRow[]> => {
    const query = supabase.from('comments').select('*').eq('test_run_id', runId).order('created_at').order('id').limit(MOST_COMMENTS);
    return request(url, 'read the comments', query, z.array(CommentRow));
  };
  const lineOf = async (runId: string, logId: string): Promise<{ readonly step_key: string | null }> => {
    const query = supabase.from('test_execution_logs').select('step_key').eq('id', logId).eq('test_run_id', runId);
    const [line] = z.uuid().safeParse(logId).success ? await request(url, 'read the line', query, z.array(z.object({ step_key: z.string().nullable() }))) : [];
    if (line === undefined) throw new UserError('not-found', `no line "${logId}" in the log of this run`, { hint: '`stepscope tail RUN --json` has their ids' });
    return line;
  };
  return {
    comments: read,
    addComment: async ({ runId, stepKey = null, logId = null, path = null, body }) => {
      const text = body.trim();
      if (text === '') throw new UserError('usage', 'a comment says something');
      if (Buffer.byteLength(text) > limits.commentBytes) throw new UserError('too-large', `a comment has at most ${limits.commentBytes} bytes`);
      const line = logId === null ? undefined : await lineOf(runId, logId);
      const row = { test_run_id: runId, step_key: stepKey ?? line?.step_key ?? null, log_id: logId, path, body: text };
      return await request(url, 'add the comment', supabase.from('comments').insert(row).select('*').single(), CommentRow);
    },
    resolveComment: (id, resolved = true) =>
      request(url, 'settle the comment', supabase.from('comments').update({ resolved }).eq('id', id).select('*').single(), CommentRow),
    followComments: (runId, onComments) =>
      followAnew(supabase, `comments-${runId}`, { table: 'comments', filter: `test_run_id=eq.${runId}` }, () => read(runId), onComments),
  };
}
