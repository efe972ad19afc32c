import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { RealtimeChannel, SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { SchemaFacts, ServerStatus } from '../protocol/diagnosis.ts';
import { UserError } from '../protocol/error.ts';
import { SystemMessage } from '../protocol/realtime.ts';
import type { TableName } from '../protocol/rows.ts';
import { publishedTables } from '../protocol/rows.ts';
import type { Binding } from './live-channel.ts';
import { request, send } from './request.ts';

/** One condition in the Data API's words: `{column: 'log_level', operator: 'not.in', value: '(info,debug)'}`. */
export interface Condition {
  readonly column: string;
  readonly operator: string;
  readonly value: string;
}

/** When the token that we act with was made and ends, by the clock of its maker. */
export interface TokenTimes {
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly canRefresh: boolean;
}

/** Rows are counted and looked through up to this, as `diagnose()` does. */
export const sampleRows = 1_000;
/** Rows of `doctor` carry this tag, and this at the head of their id. */
const probeTag = 'doctor';
const probePrefix = 'doctor-';
/** A probe this old was left by a check that was killed. */
const leftProbeMs = 10 * 60_000;

/** What `doctor` asks of a backend beyond what people do with it. Fails as {@link request} does. */
export interface Diagnosis {
  /** Of the user's token; undefined where a key alone speaks. */
  token(): Promise<TokenTimes | undefined>;
  refreshToken(): Promise<void>;
  /** Undefined where the server is not ours: a hosted project. */
  status(): Promise<ServerStatus | undefined>;
  /** What the database tells of itself, and of what `person` (address or id) sees as `role`. For administrators and secret keys. */
  schemaFacts(person?: string, role?: string): Promise<SchemaFacts>;
  /** Puts back spoilt triggers, policies and publication; answers with what it did. Takes a secret key. */
  mendSchema(): Promise<readonly string[]>;
  /** Rows of a table, {@link sampleRows} at most, of the columns that `row` names. */
  sample<Row extends z.ZodObject>(table: TableName, row: Row, conditions?: readonly Condition[]): Promise<readonly z.infer<Row>[]>;
  buckets(): Promise<readonly string[]>;
  /** Subscribes once, without trying again: resolves when the server says that changes will come, and rejects with its words. */
  subscribe(binding: Binding, onRow: () => void, signal: AbortSignal): Promise<void>;
  /**
   * Writes a run of its own with a line of log, and waits for the line to be delivered. Answers with the milliseconds
   * from insert to delivery; undefined when nothing came within `patienceMs`. The run is removed in every case.
   */
  probeDelivery(patienceMs: number, signal: AbortSignal): Promise<number | undefined>;
}

export function createDiagnosis(supabase: SupabaseClient, { url, key }: { readonly url: string; readonly key: string }): Diagnosis {
  const subscribe = async ({ table, filter }: Binding, onRow: () => void, signal: AbortSignal): Promise<void> => {
    const channel = supabase.channel(`stepscope-doctor-${randomUUID()}`);
    signal.addEventListener('abort', () => void supabase.removeChannel(channel).catch(() => undefined), { once: true });
    const binding = { event: '*' as const, schema: 'public', table, ...(filter === undefined ? {} : { filter }) };
    await confirmed(channel.on('postgres_changes', binding, onRow), signal);
  };

  return {
    token: async () => {
      const { data } = await supabase.auth.getSession();
      if (data.session === null) return undefined;
      const { access_token: token, refresh_token: refreshToken } = data.session;
      const { iat, exp } = Times.catch({}).parse(claimsOf(token));
      return { issuedAtMs: inMs(iat), expiresAtMs: inMs(exp), canRefresh: refreshToken !== '' };
    },
    refreshToken: async () => {
      const { error } = await supabase.auth.refreshSession();
      if (error !== null) throw new UserError('unauthorized', `the session cannot be refreshed: ${error.message}`, { cause: error });
    },
    status: async () => {
      const { data } = await supabase.auth.getSession();
      const answer = await fetch(`${url}/status`, {
        headers: { apikey: key, authorization: `Bearer ${data.session?.access_token ?? key}` },
        signal: AbortSignal.timeout(statusTimeoutMs),
      });
      if (!answer.ok) return undefined;
      return ServerStatus.parse(await answer.json());
    },
    schemaFacts: (person, role = 'authenticated') =>
      request(
        url,
        'ask the database about itself',
        supabase.rpc('diagnose', { followed: [...publishedTables], person: person ?? null, as_role: role }),
        SchemaFacts,
      ),
    mendSchema: () => request(url, 'mend the schema', supabase.rpc('mend_schema', { followed: [...publishedTables] }), z.array(z.string())),
    sample: (table, row, conditions = []) => {
      let query = supabase.from(table).select(Object.keys(row.shape).join(','));
      for (const { column, operator, value } of conditions) query = query.filter(column, operator, value);
      return request(url, `read ${table}`, query.limit(sampleRows), z.array(row));
    },
    buckets: async () => {
      const { data, error } = await supabase.storage.listBuckets();
      if (error !== null) throw new UserError('failed', `could not list the buckets: ${error.message}`, { cause: error });
      return data.map(({ id }) => id);
    },
    subscribe,
    probeDelivery: async (patienceMs, signal) => {
      const id = `${probePrefix}${randomUUID()}`;
      const runs = () => supabase.from('test_execution_runs');
      const before = new Date(Date.now() - leftProbeMs).toISOString();
      await send(
        url,
        'remove what an earlier check left',
        runs().delete().like('test_run_id', `${probePrefix}%`).contains('tags', [probeTag]).lt('created_at', before),
      );
      await send(url, 'write a run to follow', runs().insert({ test_run_id: id, status: 'completed', tags: [probeTag] }));
      try {
        const delivered = Promise.withResolvers<number>();
        await subscribe(
          { table: 'test_execution_logs', filter: `test_run_id=eq.${id}` },
          () => delivered.resolve(performance.now()),
          signal,
        );
        const written = performance.now();
        await send(
          url,
          'write a line of log',
          supabase.from('test_execution_logs').insert({ test_run_id: id, message: 'doctor looks whether this arrives' }),
        );
        return await Promise.race([delivered.promise.then((at) => at - written), aborted(AbortSignal.timeout(patienceMs))]);
      } finally {
        await send(url, 'remove the run again', runs().delete().eq('test_run_id', id));
      }
    },
  };
}

const statusTimeoutMs = 5_000;
const Times = z.object({ iat: z.number().optional(), exp: z.number().optional() });
const inMs = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
}

/** Joined is not yet followed: the server's word on the tables comes after, as a system message. */
async function confirmed(channel: RealtimeChannel, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refused = (message: string): void => reject(new UserError('failed', message));
    signal.addEventListener('abort', () => refused('the server confirms no subscription'), { once: true });
    channel
      .on('system', {}, (payload) => {
        const { data } = SystemMessage.safeParse(payload);
        if (data?.extension !== 'postgres_changes') return;
        if (data.status === 'ok') resolve();
        else refused(data.message);
      })
      .subscribe((status, error) => {
        if (status !== 'SUBSCRIBED') refused(error?.message ?? `the subscription ended as ${status}`);
      });
  });
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
