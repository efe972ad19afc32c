import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { RunChanges } from '../../protocol/change.ts';
import { IngestResult } from '../../protocol/batch.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { Database } from '../database.ts';
import { callFunction, claimsOf, insertRow, makeAdmin, newRun } from './actors.ts';

/** The one way in, `ingest`, and the one way to read on, `run_changes`. */
export function ingestContract(open: () => Database): void {
  describe('ingest and run_changes', () => {
    let database: Database;
    beforeAll(async () => {
      database = open();
      await makeAdmin(database);
    });

    const ingest = async (batch: JsonObject): Promise<IngestResult> =>
      IngestResult.parse(await callFunction(database, claimsOf.service, 'ingest($1)', [batch]));
    const changes = async (id: string, after = 0, most = 1000): Promise<RunChanges> =>
      RunChanges.parse(await callFunction(database, claimsOf.admin, 'run_changes($1, $2, $3)', [id, after, most]));

    it('stores a whole run in one batch, and reads it back in order', async () => {
      const id = randomUUID();
      const result = await ingest({
        ...batchOf(id),
        run: { status: 'completed', pipeline_key: 'p', inputs: { prompt: 'x' }, total_steps: 1 },
        steps: [stepRow('a', { status: 'completed' })],
        snapshots: [snapshotRow('a')],
        blobs: [{ test_run_id: id, hash: 'h1', encoding: 'json', body: '{}', bytes: 2 }],
        logs: [logRow('one'), logRow('two')],
      });
      expect(result).toEqual({ stored: 6, duplicates: 0, last_seq: expect.any(Number) });

      const read = await changes(id);
      expect(read.changes.map(({ table, row }) => ('message' in row ? row.message : table))).toEqual([
        'test_execution_steps',
        'one',
        'two',
        'test_execution_runs',
      ]);
      expect(read).toMatchObject({ last_seq: result.last_seq, complete: true, first_seq: 0 });
      const run = read.changes.at(-1)!.row;
      expect(run).toMatchObject({ status: 'completed', completed_steps: 1, log_counts: { info: 2 }, holder_id: 'holder-1' });
    });

    it('finds what it has by its id, however the log has grown since it began', async () => {
      const id = await newRun(database, { holder_id: 'holder-1' });
      const scans = `select seq_scan as n from pg_stat_xact_user_tables where relname = 'test_execution_logs'`;
      const [before, after] = await database.asOwner(async (transaction) => {
        const first = await transaction.query<{ n: number }>(scans);
        for (let i = 0; i < 12; i += 1)
          await transaction.query('select ingest($1::jsonb)', [{ ...batchOf(id), logs: [logRow('one'), logRow('two')] }]);
        return [first.rows, (await transaction.query<{ n: number }>(scans)).rows];
      });
      expect(after).toEqual(before);
    });

    it('changes nothing when a batch comes twice', async () => {
      const id = await newRun(database, { holder_id: 'holder-1' });
      const batch = {
        ...batchOf(id),
        run: { status: 'running' },
        steps: [stepRow('a')],
        snapshots: [snapshotRow('a')],
        logs: [logRow('one'), logRow('two')],
      };
      await ingest(batch);
      const before = await changes(id);
      const again = await ingest(batch);

      expect(again.duplicates).toBe(2);
      expect(again.last_seq).toBe(before.last_seq);
      expect(withoutHeartbeats(await changes(id))).toEqual(withoutHeartbeats(before));
    });

    it('stores what is new of a batch that is partly known, and the same id once', async () => {
      const id = await newRun(database);
      const [one, two, three] = [logRow('one'), logRow('two'), logRow('three')];
      await ingest({ ...batchOf(id), logs: [one, two] });
      expect(await ingest({ ...batchOf(id), logs: [two, three, three] })).toMatchObject({ stored: 1, duplicates: 2 });
      expect(await messages(id)).toEqual(['one', 'two', 'three']);
    });

    it('numbers without a gap, and gives steps a new number with each change', async () => {
      const id = await newRun(database);
      const step = stepRow('a');
      await ingest({ ...batchOf(id), steps: [{ ...step, status: 'running' }], logs: [logRow('one'), logRow('two')] });
      const running = await changes(id);
      await ingest({ ...batchOf(id), steps: [{ ...step, status: 'completed' }], logs: [logRow('three')] });

      const read = await changes(id, running.last_seq);
      expect(read.changes.map(({ table }) => table)).toContain('test_execution_steps');
      const all = (await changes(id)).changes.map(({ row }) => row.seq);
      expect(new Set(all).size).toBe(all.length);
      const logs = (await changes(id)).changes.filter(({ table }) => table === 'test_execution_logs').map(({ row }) => row.seq);
      expect(logs[1]).toBe(logs[0]! + 1);
    });

    it('writes of the run only what was sent', async () => {
      const id = await newRun(database, { notes: 'mine', holder_id: 'holder-1', completed_steps: 0 });
      await ingest({
        ...batchOf(id),
        run: { status: 'running', current_step: 'a', completed_steps: 9, log_counts: { info: 99 }, test_run_id: 'other', seq: 5 },
      });
      const [change] = (await changes(id)).changes;
      expect(change!.row).toMatchObject({
        test_run_id: id,
        notes: 'mine',
        status: 'running',
        current_step: 'a',
        completed_steps: 0,
        log_counts: {},
      });
    });

    it('shuts a holder out that lost the run', async () => {
      const id = await newRun(database, { holder_id: 'holder-1', status: 'running' });
      await expect(ingest({ ...batchOf(id), holder_id: 'holder-2', logs: [logRow('late')] })).rejects.toMatchObject({
        code: 'PT409',
        message: 'holder_lost',
      });
      expect(await messages(id)).toEqual([]);
    });

    it('hands a run that nobody holds to the first who writes', async () => {
      const id = await newRun(database);
      await ingest({ ...batchOf(id), logs: [logRow('one')] });
      await expect(ingest({ ...batchOf(id), holder_id: 'holder-2', logs: [logRow('two')] })).rejects.toMatchObject({
        message: 'holder_lost',
      });
    });

    it('refuses a run it does not know, and a batch without a holder', async () => {
      await expect(ingest({ ...batchOf(randomUUID()), logs: [logRow('one')] })).rejects.toMatchObject({ code: 'PT404' });
      await expect(ingest({ run_id: 'x' })).rejects.toMatchObject({ code: '22023' });
    });

    it('stores nothing of a batch with a bad row, and names the trouble', async () => {
      const id = await newRun(database);
      const bad = { ...batchOf(id), logs: [logRow('good'), { ...logRow('bad'), log_level: 'loud' }] };
      await expect(ingest(bad)).rejects.toMatchObject({ code: '23514' });
      expect(await messages(id)).toEqual([]);
    });

    it('keeps the run’s row fresh while log lines stream, without making news of it', async () => {
      const id = await newRun(database, { holder_id: 'holder-1', holder_heartbeat_at: '2020-01-01T00:00:00Z', status: 'running' });
      await ingest({ ...batchOf(id), logs: [logRow('one')] });
      const { rows } = await database.asOwner((transaction) =>
        transaction.query(
          `select seq, holder_heartbeat_at > now() - interval '1 minute' as fresh, log_counts from test_execution_runs where test_run_id = $1`,
          [id],
        ),
      );
      expect(rows).toEqual([{ seq: 1, fresh: true, log_counts: { info: 1 } }]);
    });

    it('reads on from any number, in pages', async () => {
      const id = await newRun(database);
      await ingest({ ...batchOf(id), logs: Array.from({ length: 25 }, (_, index) => logRow(`line ${index}`)) });
      const seen: string[] = [];
      let after = 0;
      for (let page = await changes(id, 0, 10); ; page = await changes(id, after, 10)) {
        for (const { row } of page.changes) if ('message' in row) seen.push(row.message);
        after = page.last_seq;
        if (page.complete) break;
        expect(page.changes).toHaveLength(10);
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `line ${index}`));
      expect(await changes(id, after)).toMatchObject({ changes: [], last_seq: after, complete: true });
    });

    it('cuts a page short where rows are large', async () => {
      const id = await newRun(database);
      const large = (text: string) => ({ ...logRow(text), data: { filler: 'x'.repeat(250_000) } });
      for (let i = 0; i < 6; i += 1)
        await ingest({ ...batchOf(id), logs: [large(`a${i}`), large(`b${i}`), large(`c${i}`), large(`d${i}`)] });
      const page = await changes(id);
      expect(page.complete).toBe(false);
      expect(page.changes.length).toBeLessThan(20);
      expect(page.changes.length).toBeGreaterThan(1);
    });

    it('answers for a run that is not there with nothing', async () => {
      expect(await changes('no-such-run', 7)).toEqual({ changes: [], last_seq: 7, complete: true, first_seq: 0 });
    });

    it('tells where the rows begin that retention has kept', async () => {
      const id = await newRun(database);
      await ingest({ ...batchOf(id), logs: [logRow('one'), logRow('two'), logRow('three')] });
      await database.asUser(claimsOf.service, (transaction) =>
        transaction.query('delete from test_execution_logs where test_run_id = $1 and seq <= 3', [id]),
      );
      expect(await changes(id)).toMatchObject({ first_seq: 4 });
      expect(await messages(id)).toEqual(['three']);
    });

    it('lets no reader pass a number that can still appear', async () => {
      const id = await newRun(database);
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; i < 10; i += 1) {
          await database.asUser(claimsOf.service, (transaction) =>
            insertRow(transaction, 'test_execution_logs', { test_run_id: id, message: `${writer}.${i}` }),
          );
        }
      });
      const seen: number[] = [];
      let isWriting = true;
      const reader = (async () => {
        let after = 0;
        for (let last = false; !last;) {
          last = !isWriting;
          const page = await changes(id, after, 5);
          seen.push(...page.changes.filter(({ table }) => table === 'test_execution_logs').map(({ row }) => row.seq));
          after = page.last_seq;
          if (last && !page.complete) last = false;
        }
      })();
      await Promise.all(writers);
      isWriting = false;
      await reader;
      expect(seen).toEqual(Array.from({ length: 80 }, (_, index) => index + 2));
    });

    async function messages(id: string): Promise<string[]> {
      return (await changes(id)).changes.flatMap(({ row }) => ('message' in row ? [row.message] : []));
    }
  });
}

/** A heartbeat is no news, and the one thing that a second delivery moves. */
function withoutHeartbeats(read: RunChanges): unknown {
  return { ...read, changes: read.changes.map(({ table, row }) => ({ table, row: { ...row, holder_heartbeat_at: null } })) };
}

function batchOf(id: string): JsonObject & { readonly run_id: string } {
  return { run_id: id, holder_id: 'holder-1' };
}

function logRow(message: string): JsonObject {
  return {
    id: randomUUID(),
    message,
    log_level: 'info',
    step_type: 'log',
    execution_context: 'server',
    metadata: {},
    timestamp: new Date().toISOString(),
  };
}

function stepRow(key: string, more: JsonObject = {}): JsonObject {
  return {
    id: randomUUID(),
    step_key: key,
    parent_step_key: null,
    display: '1',
    step_number: 1,
    ordinal: 0,
    attempt: 1,
    step_name: key,
    step_type: 'main',
    execution_context: 'server',
    status: 'running',
    effect: 'none',
    is_edited: false,
    can_edit: true,
    can_rerun: true,
    metadata: {},
    ...more,
  };
}

function snapshotRow(key: string): JsonObject {
  return {
    id: randomUUID(),
    step_key: key,
    step_number: 1,
    attempt: 1,
    inputs: { a: 1 },
    can_edit: true,
    can_rerun: true,
    is_edited: false,
  };
}
