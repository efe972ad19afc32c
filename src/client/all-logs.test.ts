import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { uuidv7 } from '../core/uuid.ts';
import { limits } from '../protocol/limits.ts';
import { startTestBackend } from '../server/testing.ts';
import type { TestBackend } from '../server/testing.ts';
import type { Backend, LinkState } from './backend.ts';
import { connectBackend } from './connect-backend.ts';
import { connectHolder } from './connect-holder.ts';
import type { Holder } from './holder.ts';

vi.setConfig({ testTimeout: 40_000 });

let server: TestBackend;
let backend: Backend;
let holder: Holder;
const runs = [randomUUID(), randomUUID()] as const;

beforeAll(async () => {
  server = await startTestBackend();
  backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });
  holder = connectHolder({ url: server.url, secretKey: server.keys.secretKey });
  for (const runId of runs) await holder.ingest({ run_id: runId, holder_id: 'test', run: { status: 'running', pipeline_key: 'followed' } });
}, 60_000);
afterAll(async () => {
  await backend.close();
  await holder.close();
  await server.stop();
});

let written = 0;

/** Lines of both runs in turn; says how many there are by now. */
async function writeLines(count: number): Promise<number> {
  for (const [at, runId] of runs.entries()) {
    const logs = Array.from({ length: count / 2 }, (_, index) => ({
      id: uuidv7(Date.now(), randomBytes(10)), test_run_id: runId, generation_id: null, step_key: null, step_number: null, parent_step_number: null, step_name: null, step_type: 'log' as const,
      log_level: 'info' as const, message: `line ${written + index * 2 + at}`, data: null, metadata: {}, execution_context: 'client' as const, function_name: null, file_path: null, line_number: null,
      duration_ms: null, timestamp: new Date().toISOString(),
    }));
    await vi.waitFor(async () => await holder.ingest({ run_id: runId, holder_id: 'test', logs }), { timeout: 10_000, interval: 100 });
  }
  return (written += count);
}

function follow(by: Backend = backend, after?: string) {
  const heard: { messages: string[]; ids: string[]; fresh: number; links: LinkState['state'][] } = { messages: [], ids: [], fresh: 0, links: [] };
  const stop = by.followLogs({
    onLines: (rows, isFresh) => {
      if (isFresh) heard.fresh += 1;
      heard.messages.push(...rows.map((row) => row.message));
      heard.ids.push(...rows.map((row) => row.id));
    },
    onLink: ({ state }) => heard.links.push(state),
  }, { after });
  return { heard, stop };
}

describe('the logs of everything', () => {
  it('bring the newest lines of all runs and then those that come, each once, through a server that was away', async () => {
    await writeLines(20);
    const { heard, stop } = follow();
    for (let i = 0; i < 10; i++) await writeLines(10);
    await vi.waitFor(() => expect(heard.messages).toHaveLength(written), 15_000);
    await server.restart(() => vi.waitFor(() => expect(heard.links).toContain('lost'), 15_000));
    for (let i = 0; i < 10; i++) await writeLines(10);
    await vi.waitFor(() => expect(new Set(heard.messages).size).toBe(written), 20_000);
    expect(heard.messages).toHaveLength(written);
    expect(heard.fresh).toBe(1);
    stop();
    const count = heard.messages.length;
    const other = follow();
    await writeLines(2);
    await vi.waitFor(() => expect(other.heard.messages).toHaveLength(written), 15_000);
    expect(heard.messages).toHaveLength(count);
    other.stop();
  }, 60_000);

  it('go on after a line that is known', async () => {
    const known = (await backend.recentLogs({ limit: 1 })).at(-1)!;
    const { heard, stop } = follow(backend, known.id);
    await vi.waitFor(() => expect(heard.links.at(-1)).toBe('live'), 15_000);
    const before = heard.messages.length;
    await writeLines(2);
    await vi.waitFor(() => expect(heard.messages.slice(before).toSorted()).toEqual([`line ${written - 2}`, `line ${written - 1}`].toSorted()), 15_000);
    expect(heard.fresh).toBe(0);
    expect(heard.ids).not.toContain(known.id);
    stop();
  });

  it('are read back to the first line, page by page', async () => {
    let all = await backend.recentLogs({ limit: 50 });
    for (let page = all; page.length > 0; all = [...page, ...all]) page = await backend.recentLogs({ limit: 50, before: all[0]!.id });
    expect(all).toHaveLength(written);
    expect(new Set(all.map((row) => row.message)).size).toBe(written);
    const first = all.filter((row) => row.test_run_id === runs[0]);
    expect(first.map((row) => row.seq)).toEqual(first.map((row) => row.seq).toSorted((a, b) => a - b));
  });

  it('begin anew where more was missed than is worth reading', async () => {
    const known = (await backend.recentLogs({ limit: 1 })).at(-1)!;
    for (let i = 0; i < 6; i++) await writeLines(1_000);
    const { heard, stop } = follow(backend, known.id);
    await vi.waitFor(() => expect(heard.fresh).toBe(1), 20_000);
    expect(heard.messages.length).toBeGreaterThan(0);
    expect(heard.messages.length).toBeLessThanOrEqual(limits.everyLogPage);
    stop();
  }, 60_000);

  it('show a user without the role nothing', async () => {
    const eve = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: await server.addUser() });
    expect(await eve.recentLogs()).toEqual([]);
    const { heard, stop } = follow(eve);
    const seen = follow();
    await vi.waitFor(() => expect([heard.links.at(-1), seen.heard.links.at(-1)]).toEqual(['live', 'live']), 15_000);
    await writeLines(2);
    await vi.waitFor(() => expect(seen.heard.messages).toContain(`line ${written - 1}`), 15_000);
    expect(heard.messages).toEqual([]);
    stop();
    seen.stop();
    await eve.close();
  });
});
