import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchesRunFilter, parseRunFilter } from '../core/run-filter.ts';
import type { RunRow } from '../protocol/rows.ts';
import { serviceClient } from '../server/testing-clients.ts';
import { startTestBackend } from '../server/testing.ts';
import type { TestBackend } from '../server/testing.ts';
import type { Backend } from './backend.ts';
import { connectBackend } from './connect-backend.ts';

let server: TestBackend;
let backend: Backend;
const costs = new Map<string, number>();

const hostile = ['a,b)(', 'per%cent_x', 'quo"te\\', '{braces}', 'star*', 'naïve ünïcode', '.eq.null', "o'clock", 'x:y;z', 'null'];
const tree = [{ key: 'call', display: '8', number: 8, name: 'Call', effect: 'none', context: 'server', canEdit: true, canRerun: true, steps: [{ key: 'call.ask', display: '8e', number: 8, name: 'Ask', effect: 'none', context: 'provider', canEdit: true, canRerun: true, steps: [] }] }];

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  const statuses = ['completed', 'failed', 'cancelled', 'interrupted'];
  const runs = Array.from({ length: 60 }, (_, i) => ({
    test_run_id: randomUUID(),
    status: statuses[i % 4],
    pipeline_key: i % 3 === 0 ? 'paint' : 'generate-content',
    model_name: i % 5 === 0 ? null : ['Flux Schnell', 'SDXL'][i % 2],
    error_message: i % 4 === 1 ? `timeout ${hostile[i % hostile.length]}` : null,
    notes: i % 7 === 0 ? hostile[i % hostile.length] : null,
    bookmarked: i % 6 === 0,
    bookmark_name: i % 6 === 0 ? `mark ${i}` : null,
    tags: i % 4 === 0 ? ['nightly', hostile[i % hostile.length]] : i % 9 === 0 ? ['Nightly'] : [],
    total_duration_ms: i % 8 === 0 ? null : i * 1_000,
    failed_step: i % 4 === 1 ? 'call.ask' : null,
    current_step: i % 4 === 2 ? 'call' : null,
    step_tree: tree,
    created_at: new Date(Date.now() - i * 3_600_000).toISOString(),
  }));
  const service = serviceClient(server);
  await service.from('test_execution_runs').insert(runs).throwOnError();
  const ledger = runs.filter((_, i) => i % 10 === 0).flatMap((run, i) => [
    { run_id: run.test_run_id, kind: 'debit', amount: -i, would_have_charged: 0, user_id: server.admin.id },
    { run_id: run.test_run_id, kind: 'debit', amount: 0, would_have_charged: 2, user_id: server.admin.id },
  ]);
  await service.from('credit_ledger').insert(ledger).throwOnError();
  for (const { run_id, amount, would_have_charged } of ledger) costs.set(run_id, (costs.get(run_id) ?? 0) - amount + would_have_charged);
}, 60_000);
afterAll(async () => {
  await backend.close();
  await server.stop();
});

const ids = (runs: readonly RunRow[]): readonly string[] => runs.map((run) => run.test_run_id);

describe('searching runs', () => {
  it.each([
    '',
    'status=failed',
    'status!=failed,cancelled',
    'status:c',
    'pipeline=paint bookmarked',
    '-bookmarked -pipeline=paint',
    'model=flux*',
    'model!=flux*',
    '-model=sdxl',
    'tag=nightly',
    'tag:night',
    'tag!=nightly',
    'tag="a,b)("',
    'tag="{braces}"',
    'since=20h',
    'since=40h until=10h',
    'duration>30s',
    '-duration>30s',
    'duration<=5s',
    'cost>3',
    'cost<1 status=completed',
    'step=8e',
    'step=8.* -step=8e',
    'error~timeout',
    'error=timeout*',
    'night',
    'failed',
    '-timeout',
    'status=failed error~"timeout" step=8e since=2d bookmarked',
    ...hostile.flatMap((text) => [JSON.stringify(text), `error~${JSON.stringify(text)}`, `notes=${JSON.stringify(text)}`, `-notes=${JSON.stringify(text)}`]),
  ])('finds by %s what the filter lets through, and all of it', async (source) => {
    const filter = parseRunFilter(source, Date.now());
    const all = await backend.runs({ limit: 1_000 });
    const expected = ids(all.filter((run) => matchesRunFilter(filter, run, (id) => costs.get(id) ?? 0)));
    const found = await backend.searchRuns(filter, { limit: 1_000 });
    expect(ids(found.runs)).toEqual(expected);
    expect(found.after).toBeUndefined();
  });

  it('goes on where it stopped, without gap and repetition', async () => {
    const filter = parseRunFilter('step=8.* -pipeline=paint', Date.now());
    const all = ids((await backend.searchRuns(filter, { limit: 1_000 })).runs);
    const pieces: string[] = [];
    for (let after: RunRow | undefined; ;) {
      const found = await backend.searchRuns(filter, { limit: 3, after });
      pieces.push(...ids(found.runs));
      if (found.after === undefined) break;
      after = found.after;
    }
    expect(all.length).toBeGreaterThan(6);
    expect(pieces).toEqual(all);
  });

  it('asks the database for what it can tell', async () => {
    const { runs, searched } = await backend.searchRuns(parseRunFilter('status=cancelled since=30h', Date.now()), { limit: 1_000 });
    expect(searched).toBe(runs.length);
  });
});
