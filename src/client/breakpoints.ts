import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { checkBreakpoint } from '../core/breakpoint-draft.ts';
import type { BreakpointDraft } from '../core/breakpoint-draft.ts';
import { parseExpression } from '../core/expression.ts';
import { WatchRow } from '../protocol/debug-rows.ts';
import { BreakpointRow } from '../protocol/rows.ts';
import type { Backend } from './backend.ts';
import { request, send } from './request.ts';

/** What stops the runs of a pipeline, and what is watched in them. What is written is checked before it is sent. */
export function openBreakpoints(
  supabase: SupabaseClient,
  url: string,
  userId: string | null,
): Pick<Backend, 'breakpoints' | 'addBreakpoint' | 'setBreakpoint' | 'removeBreakpoint' | 'watches' | 'addWatch' | 'removeWatch'> {
  const list = async (pipelineKey?: string) => {
    const all = supabase.from('breakpoints').select('*').order('pipeline_key').order('number');
    return await request(url, 'list the breakpoints', pipelineKey === undefined ? all : all.eq('pipeline_key', pipelineKey), z.array(BreakpointRow));
  };
  const watches = async (pipelineKey?: string) => {
    const all = supabase.from('watches').select('*').order('pipeline_key').order('number');
    return await request(url, 'list the watches', pipelineKey === undefined ? all : all.eq('pipeline_key', pipelineKey), z.array(WatchRow));
  };
  const change = async (id: string, columns: object) =>
    await request(url, 'change the breakpoint', supabase.from('breakpoints').update(columns).eq('id', id).select('*').single(), BreakpointRow);

  return {
    breakpoints: list,
    addBreakpoint: async (draft: BreakpointDraft) => {
      const columns = checkBreakpoint(draft);
      // One that says the same is that one.
      const same = (await list(draft.pipelineKey)).find((one) => Object.entries(columns).every(([name, value]) => one[name as keyof typeof columns] === value));
      if (same !== undefined) return await change(same.id, { enabled: true });
      const row = { ...columns, enabled: true, created_by: userId };
      return await request(url, 'set the breakpoint', supabase.from('breakpoints').insert(row).select('*').single(), BreakpointRow);
    },
    setBreakpoint: async (id, { enabled, ...changes }) => {
      const isDraft = Object.keys(changes).length > 0;
      const known = isDraft ? await request(url, 'read the breakpoint', supabase.from('breakpoints').select('*').eq('id', id).single(), BreakpointRow) : undefined;
      const columns = known === undefined ? {} : checkBreakpoint({ ...draftOf(known), ...changes });
      await change(id, { ...columns, ...(enabled === undefined ? {} : { enabled }) });
    },
    removeBreakpoint: async (id) => {
      await send(url, 'remove the breakpoint', supabase.from('breakpoints').delete().eq('id', id));
    },

    watches,
    addWatch: async (pipelineKey, expression) => {
      parseExpression(expression);
      const row = { pipeline_key: pipelineKey, expression: expression.trim(), created_by: userId };
      const same = (await watches(pipelineKey)).find((one) => one.expression === row.expression);
      return same ?? (await request(url, 'add the watch', supabase.from('watches').insert(row).select('*').single(), WatchRow));
    },
    removeWatch: async (id) => {
      await send(url, 'remove the watch', supabase.from('watches').delete().eq('id', id));
    },
  };
}

/** A stored breakpoint as a draft, to change some of it. */
function draftOf(row: BreakpointRow): BreakpointDraft {
  return {
    pipelineKey: row.pipeline_key,
    kind: row.kind,
    target: row.target,
    moment: row.moment,
    condition: row.condition,
    hitCondition: row.hit_condition,
    logMessage: row.log_message,
    level: row.level,
    path: row.path,
    threshold: row.threshold,
    needsApproval: row.needs_approval,
  };
}
