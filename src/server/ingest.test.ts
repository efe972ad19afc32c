import type { SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestResult } from '../protocol/batch.ts';
import type { LogRow } from '../protocol/rows.ts';
import { serviceClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

type NewLog = Omit<LogRow, 'seq' | 'created_at'>;

let backend: TestBackend;
let service: SupabaseClient;
beforeAll(async () => {
  backend = await startTestBackend();
  service = serviceClient(backend);
});
afterAll(async () => await backend.stop());

let last = 0;
function log(run: string, fields: Partial<Record<keyof NewLog, unknown>> = {}): NewLog {
  return {
    id: `0193d3a0-0000-7000-8000-${String((last += 1)).padStart(12, '0')}`,
    test_run_id: run,
    generation_id: null,
    step_key: null,
    step_number: null,
    parent_step_number: null,
    step_name: null,
    step_type: 'log',
    log_level: 'info',
    message: `line ${last}`,
    data: null,
    metadata: {},
    execution_context: 'client',
    function_name: null,
    file_path: null,
    line_number: null,
    duration_ms: null,
    timestamp: new Date(0).toISOString(),
    ...fields,
  } as NewLog;
}

async function ingest(run: string, logs: readonly unknown[], more: object = { run: {} }): Promise<IngestResult> {
  const { data, error } = await service.rpc('ingest', { batch: { run_id: run, holder_id: 'h', logs, ...more } });
  if (error) throw error;
  return data as IngestResult;
}

const stored = async (run: string): Promise<string[]> =>
  (await service.from('test_execution_logs').select('id').eq('test_run_id', run).order('seq').throwOnError()).data.map(
    (row) => row.id as string,
  );

describe('a batch', () => {
  it('is stored once, however often it is sent', async () => {
    const logs = [log('once'), log('once')];
    expect(await ingest('once', logs)).toEqual({ stored: 3, duplicates: 0, last_seq: expect.any(Number) });
    expect(await ingest('once', logs, {})).toMatchObject({ stored: 0, duplicates: 2 });
    expect(await stored('once')).toEqual(logs.map(({ id }) => id));
  });

  it.each<[string, (run: string) => unknown, RegExp]>([
    ['a level that is none', (run) => log(run, { log_level: 'loud' }), /log_level/],
    ['an id that is none', (run) => log(run, { id: 'x' }), /uuid/],
    ['a date that is none', (run) => log(run, { timestamp: 'yesterday evening' }), /timestamp/],
    ['a number beyond what Postgres holds', (run) => log(run, { step_number: 9_999_999_999 }), /integer|step_number/],
    ['data 100 levels deep', (run) => log(run, { data: Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1) }), /deeper/],
    ['a row that is none', () => 7, /expected object/],
  ])('with one row of %s among 500 stores the 499 and names the one', async (what, bad, reason) => {
    const good = Array.from({ length: 499 }, () => log(what));
    const rows = good.toSpliced(250, 0, bad(what) as NewLog);
    const { refused } = await ingest(what, rows);
    expect(refused).toEqual([
      { table: 'test_execution_logs', id: (rows[250] as Partial<NewLog>).id ?? null, reason: expect.stringMatching(reason) },
    ]);
    expect(await stored(what)).toEqual(good.map(({ id }) => id));
  });

  it('keeps rows with what Postgres has no place for, in the form it can hold', async () => {
    expect(await ingest('odd', [log('odd', { message: 'a\0b', data: { 'k\0': '\ud800' } })])).toMatchObject({ stored: 2 });
    const { data } = await service.from('test_execution_logs').select('message, data').eq('test_run_id', 'odd').single();
    expect(data).toEqual({ message: 'a\u{fffd}b', data: { 'k\u{fffd}': '\u{fffd}' } });
  });

  it('of a run that another holds is refused as a whole', async () => {
    await ingest('held', [log('held')]);
    const { error, status } = await service.rpc('ingest', { batch: { run_id: 'held', holder_id: 'somebody else', logs: [log('held')] } });
    expect({ status, message: error?.message }).toEqual({ status: 409, message: 'holder_lost' });
    expect(await stored('held')).toHaveLength(1);
  });

  it.each<[string, unknown, number]>([
    ['no run', { holder_id: 'h' }, 400],
    ['a run that nobody made', { run_id: 'unknown', holder_id: 'h', logs: [] }, 404],
    ['a list that is none', { run_id: 'r', holder_id: 'h', logs: 'x' }, 400],
    ['too many rows', { run_id: 'r', holder_id: 'h', logs: Array.from({ length: 1_001 }, () => ({})) }, 413],
    ['a status of its own', { run_id: 'r', holder_id: 'h', run: { status: 'sleepy' } }, 400],
  ])('with %s is refused', async (_, batch, status) => {
    expect(await service.rpc('ingest', { batch })).toMatchObject({ status, error: { message: expect.any(String) } });
  });
});
