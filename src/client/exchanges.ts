import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { bodyOf, type RecordedExchange } from '../core/exchange-match.ts';
import { ExchangeRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import { BodyInBlob } from '../protocol/exchange.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { limits } from '../protocol/limits.ts';
import { BlobRow } from '../protocol/rows.ts';
import { request } from './request.ts';
import { blobText } from './snapshots.ts';

/** Exchanges in one answer: each may be some kilobytes. */
const PAGE_ROWS = 500;

/** What a run asked the outside world, in order; of some steps, when they are given. Large bodies stay in their blobs. */
export async function readExchanges(supabase: SupabaseClient, url: string, runId: string, stepKeys?: readonly string[]): Promise<readonly ExchangeRow[]> {
  const found: ExchangeRow[] = [];
  for (;;) {
    const all = supabase.from('recorded_exchanges').select('*').eq('test_run_id', runId);
    const wanted = stepKeys === undefined ? all : all.in('step_key', [...stepKeys]);
    const query = wanted.order('ordinal').order('id').range(found.length, found.length + PAGE_ROWS - 1);
    const page = await request(url, 'read what the run asked the outside world', query, z.array(ExchangeRow));
    found.push(...page);
    if (page.length < PAGE_ROWS) return found;
  }
}

/** One blob of a run; undefined when it is gone. */
export async function readBlob(supabase: SupabaseClient, url: string, runId: string, hash: string): Promise<BlobRow | undefined> {
  const query = supabase.from('snapshot_blobs').select('*').eq('test_run_id', runId).eq('hash', hash);
  return (await request(url, 'read what was recorded', query, z.array(BlobRow)))[0];
}

/**
 * Exchanges with their bodies in them, for who answers from a recording.
 *
 * Throws `usage` naming the exchange whose body was too large to keep or is gone, and `too-large` when all of them do not
 * fit `limits.replayBytes`.
 */
export async function withBodies(exchanges: AsyncIterable<ExchangeRow> | Iterable<ExchangeRow>, blob: (hash: string) => Promise<BlobRow | undefined>): Promise<readonly RecordedExchange[]> {
  const whole: RecordedExchange[] = [];
  let bytes = 0;
  const resolved = async (part: Json | null, what: string): Promise<Json | null> => {
    const body = bodyOf(part);
    const named = BodyInBlob.safeParse(body);
    const lost = (why: string): UserError => new UserError('usage', `the body of ${what} ${why}: nobody can answer from it`);
    if (named.success) {
      bytes += named.data.bytes;
      if (bytes > limits.replayBytes) throw new UserError('too-large', `what the run heard is more than ${limits.replayBytes / 1024 / 1024} MB`);
      const row = await blob(named.data.$blob);
      if (row === undefined) throw lost('is gone');
      return { ...(part as JsonObject), body: JSON.parse(await blobText(row)) as Json };
    }
    if (body !== null && typeof body === 'object' && '$truncated' in body) throw lost('was too large to be recorded');
    return part;
  };
  for await (const { step_key, ordinal, kind, method, url, status, error, request: asked, response } of exchanges) {
    const what = `${method} ${url ?? kind}`;
    // Of what was asked only the comparison suffers.
    const request = await resolved(asked, what).catch((failure: unknown) => (failure instanceof UserError && failure.code === 'usage' ? asked : Promise.reject(failure as Error)));
    whole.push({ step_key, ordinal, kind, method, url, status, error, request, response: await resolved(response, `the answer to ${what}`) });
  }
  return whole;
}
