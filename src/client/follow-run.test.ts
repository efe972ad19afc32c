import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { emptyView, applyChanges } from '../core/run-view.ts';
import type { RunChange } from '../protocol/change.ts';
import type { TestBackend } from '../server/testing.ts';
import { startTestBackend } from '../server/testing.ts';
import type { Backend, LinkState } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import { connectHolder } from './connect-holder.ts';
import type { Holder } from './holder.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let backend: Backend;
let holder: Holder;

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
}, 60_000);
afterAll(async () => {
  await backend.close();
  await holder.close();
  await server.stop();
});

async function makeRun(): Promise<string> {
  const runId = randomUUID();
  await holder.ingest({ run_id: runId, holder_id: 'test', run: { status: 'running', pipeline_key: 'followed' } });
  return runId;
}

async function writeLines(runId: string, from: number, count: number): Promise<void> {
  const logs = Array.from({ length: count }, (_, i) => ({
    id: randomUUID(),
    test_run_id: runId,
    generation_id: null,
    step_key: null,
    step_number: null,
    parent_step_number: null,
    step_name: null,
    step_type: 'log' as const,
    log_level: 'info' as const,
    message: `line ${from + i}`,
    data: null,
    metadata: {},
    execution_context: 'client' as const,
    function_name: null,
    file_path: null,
    line_number: null,
    duration_ms: null,
    timestamp: new Date().toISOString(),
  }));
  const batch = { run_id: runId, holder_id: 'test', logs };
  // As a tracker does: again until it is acknowledged, under the same ids.
  await vi.waitFor(async () => await holder.ingest(batch), { timeout: 10_000, interval: 100 });
}

function record(runId: string, options: { readonly afterSeq?: number } = {}) {
  const changes: RunChange[] = [];
  const links: LinkState['state'][] = [];
  const stop = backend.followRun(runId, { onChanges: (some) => changes.push(...some), onLink: ({ state }) => links.push(state) }, options);
  const lines = () => changes.filter((change) => change.table === 'test_execution_logs').map((change) => change.row.message);
  return { changes, links, lines, stop };
}

const expected = (count: number) => Array.from({ length: count }, (_, i) => `line ${i}`);

describe('following a run', () => {
  it('brings what is stored and what comes, each line once and in order', async () => {
    const runId = await makeRun();
    await writeLines(runId, 0, 800);
    await writeLines(runId, 800, 700);
    const seen = record(runId);
    // Some of these fall into the time between subscription and the end of the read.
    for (let i = 0; i < 10; i++) await writeLines(runId, 1_500 + i * 50, 50);
    await vi.waitFor(() => expect(seen.lines().length).toBe(2_000), { timeout: 10_000 });
    expect(seen.lines()).toEqual(expected(2_000));
    expect(seen.links[0]).toBe('connecting');
    expect(seen.links.at(-1)).toBe('live');
    const view = applyChanges(emptyView(), seen.changes);
    expect(view).toMatchObject({ logCount: 2_000, run: { status: 'running' } });
    seen.stop();
  });

  it('brings every line of a run that writes far faster than rows are told one by one', async () => {
    const runId = await makeRun();
    const [one, another] = [record(runId), record(runId)];
    await vi.waitFor(() => expect([one.links.at(-1), another.links.at(-1)]).toEqual(['live', 'live']), { timeout: 15_000 });
    for (let i = 0; i < 20; i++) await writeLines(runId, i * 1_000, 1_000);
    for (const seen of [one, another]) {
      await vi.waitFor(() => expect(seen.lines().length).toBe(20_000), { timeout: 30_000, interval: 200 });
      expect(seen.lines()).toEqual(expected(20_000));
      seen.stop();
    }
  }, 90_000);

  it('brings rows in the order of their numbers, however often the run changes between them', async () => {
    const runId = await makeRun();
    const seen = record(runId);
    await vi.waitFor(() => expect(seen.links.at(-1)).toBe('live'), { timeout: 15_000 });
    const changing = async (writer: number) => {
      for (let i = 0; i < 40; i++) await holder.ingest({ run_id: runId, holder_id: 'test', run: { tags: [`${writer}.${i}`] } });
    };
    const writing = async () => {
      for (let i = 0; i < 60; i++) await writeLines(runId, i, 1);
    };
    await Promise.all([writing(), changing(1), changing(2), changing(3)]);
    const last = await backend.run(runId);
    await vi.waitFor(() => expect(seen.lines().length).toBe(60), { timeout: 15_000 });
    await vi.waitFor(() => expect(seen.changes.at(-1)!.row.seq).toBeGreaterThanOrEqual(last.seq), { timeout: 15_000 });
    const seqs = seen.changes.map(({ row }) => row.seq);
    expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
    expect(applyChanges(emptyView(), seen.changes).run).toMatchObject({ seq: last.seq, tags: last.tags });
    seen.stop();
  });

  it('begins after a number that is known', async () => {
    const runId = await makeRun();
    await writeLines(runId, 0, 10);
    const [, second] = await backend.logs(runId);
    const seen = record(runId, { afterSeq: second!.seq });
    await vi.waitFor(() => expect(seen.lines().length).toBe(8), { timeout: 15_000 });
    expect(seen.lines()).toEqual(expected(10).slice(2));
    seen.stop();
  });

  it('loses and doubles nothing when the server is restarted in the middle', async () => {
    const runId = await makeRun();
    const seen = record(runId);
    await vi.waitFor(() => expect(seen.links.at(-1)).toBe('live'), { timeout: 15_000 });
    const writing = (async () => {
      for (let i = 0; i < 20; i++) await writeLines(runId, i * 25, 25);
    })();
    await vi.waitFor(() => expect(seen.lines().length).toBeGreaterThan(50), { timeout: 15_000 });
    await server.restart(async () => await vi.waitFor(() => expect(seen.links).toContain('lost'), { timeout: 15_000 }));
    await writing;
    await vi.waitFor(() => expect(seen.lines().length).toBe(500), { timeout: 15_000 });
    expect(seen.lines()).toEqual(expected(500));
    await vi.waitFor(() => expect(seen.links.at(-1)).toBe('live'), { timeout: 15_000 });
    seen.stop();
  }, 60_000);

  it('calls nobody after it was stopped', async () => {
    const runId = await makeRun();
    const seen = record(runId);
    await vi.waitFor(() => expect(seen.links.at(-1)).toBe('live'), { timeout: 15_000 });
    seen.stop();
    const count = seen.changes.length;
    const other = record(runId);
    await writeLines(runId, 0, 5);
    await vi.waitFor(() => expect(other.lines().length).toBe(5), { timeout: 15_000 });
    expect(seen.changes.length).toBe(count);
    other.stop();
  });
});
