import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jsonPatch from 'fast-json-patch';
import type { Backend } from '../client/backend.ts';
import { connectBackend } from '../client/connect-backend.ts';
import { connectHolder } from '../client/connect-holder.ts';
import { loadComparison, loadDivergences, storedRun } from '../client/load-comparison.ts';
import { storeRun } from '../client/testing-runs.ts';
import { processIo } from '../cli/io.ts';
import { comparisonLines } from '../cli/print/comparison-lines.ts';
import { compareRuns } from '../core/compare/compare-runs.ts';
import { diffStructure } from '../core/compare/diff-structure.ts';
import { recordedRun } from '../core/compare/testing.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { startServer } from './bench-server.ts';
import { median, reportFigures } from './bench-table.ts';

const stepCount = 1_000;
const stateBytes = 2 * 1024 * 1024;
const rounds = 15;
/** Of milliseconds each: the first are the compiler's, and some are the collector's. */
const diffRounds = 101;

/** Two runs of 1,000 steps up to the first screen; and two states of 2 MB against fast-json-patch, which compares lists place by place. */
export async function benchCompare(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-bench-'));
  try {
    const screens = await timeScreens(home);
    const renamed = timed(() => compareRuns([recordedRun('a', keys('step')), recordedRun('b', keys('renamed step'))]));
    const [state, changed] = [makeState(0), makeState(101)];
    const diffs = timeDiffs(state, changed);
    return reportFigures([
      { what: `two runs of ${stepCount} steps, to the first screen`, value: screens.firstMs, unit: 'ms', bound: { kind: 'at most', value: 300 } },
      { what: 'and to a divergence in the last step', value: screens.divergenceMs, unit: 'ms' },
      { what: 'aligning them when all are renamed', value: renamed, unit: 'ms', bound: { kind: 'at most', value: 1_000 } },
      { what: 'fast-json-patch, two states of 2 MB', value: diffs.peer, unit: 'ms' },
      { what: 'ours, the same', value: diffs.ours, unit: 'ms' },
      { what: 'the first time, not compiled yet: ours', value: diffs.oursFirst, unit: 'ms' },
      { what: 'the first time: fast-json-patch', value: diffs.peerFirst, unit: 'ms' },
      { what: 'ours / fast-json-patch', value: diffs.ours / diffs.peer, unit: 'x', bound: { kind: 'at most', value: 1.2 } },
      { what: 'differences, an element put in: ours', value: diffs.oursFound, unit: '' },
      { what: 'differences, an element put in: fast-json-patch', value: diffs.peerFound, unit: '' },
    ]);
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function timeScreens(home: string): Promise<{ readonly firstMs: number; readonly divergenceMs: number }> {
  const server = await startServer(join(home, 'data'));
  const holder = connectHolder({ url: server.url, secretKey: server.key });
  const backend = await connectBackend({ url: server.url, key: server.key });
  try {
    const ids = [await storeRun(holder, recordedRun('a', keys('step')), values(1)), await storeRun(holder, recordedRun('b', keys('step')), values(2))];
    const first: number[] = [];
    const divergence: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      const sources = await openRuns(backend, ids);
      const comparison = await loadComparison(sources);
      const none = sources.slice(1).map(() => ({ divergence: undefined, index: undefined, comparedSteps: 0 }));
      comparisonLines(comparison, none, [], processIo({}), Date.now());
      first.push(performance.now() - startedAt);
      const [found] = await loadDivergences(comparison, sources);
      divergence.push(performance.now() - startedAt);
      if (found?.index !== stepCount - 1) throw new Error(`the divergence was found in line ${found?.index}`);
    }
    return { firstMs: median(first), divergenceMs: median(divergence) };
  } finally {
    await backend.close();
    await holder.close();
    server.stop();
  }
}

async function openRuns(backend: Backend, ids: readonly string[]) {
  const reader = backend.valueReader();
  return await Promise.all(ids.map(async (id) => storedRun(backend, await backend.run(id), reader)));
}

function keys(name: string): readonly string[] {
  return Array.from({ length: stepCount }, (_, i) => `${name} ${i} ${['load', 'check', 'call', 'store'][i % 4]}`);
}

/** A state that grows little from step to step; the last step's outputs are of this run. */
function values(last: number): ReadonlyMap<string, { readonly outputs: JsonObject; readonly stateAfter: JsonObject }> {
  const shared = { text: 'x'.repeat(8_000) };
  return new Map(keys('step').map((key, i) => [key, { outputs: { n: i === stepCount - 1 ? last : i }, stateAfter: { shared, at: i } }]));
}

/** Messages, jobs and settings, about 2 MB; every `every`th message says something else. */
function makeState(every: number): Json {
  const message = (i: number): JsonObject => ({
    id: `message-${i}`,
    role: i % 2 === 0 ? 'user' : 'assistant',
    text: `${every > 0 && i % every === 0 ? 'changed' : 'message'} ${i} ${'lorem ipsum dolor sit amet '.repeat(8)}`,
    usage: { input: i, output: i * 2, cached: false },
    tags: ['a', 'b', String(i % 7)],
  });
  const messages: JsonObject[] = [];
  for (let length = 0; length < stateBytes; length += JSON.stringify(messages.at(-1)).length) messages.push(message(messages.length));
  // As it comes out of storage.
  return JSON.parse(JSON.stringify({ messages, settings: { width: 512, height: 512, seed: every } })) as Json;
}

function timeDiffs(before: Json, after: Json): { readonly ours: number; readonly peer: number; readonly oursFirst: number; readonly peerFirst: number; readonly oursFound: number; readonly peerFound: number } {
  const ours: number[] = [];
  const peer: number[] = [];
  const compare = (a: Json, b: Json): number => jsonPatch.compare(a as object, b as object).length;
  for (let round = 0; round < diffRounds; round++) {
    ours.push(timed(() => diffStructure(before, after)));
    peer.push(timed(() => compare(before, after)));
  }
  const { messages, ...rest } = before as { readonly messages: readonly Json[] };
  const longer = { ...rest, messages: [...messages.slice(0, 10), { id: 'new', text: 'put in' }, ...messages.slice(10)] };
  return { ours: median(ours), peer: median(peer), oursFirst: ours[0]!, peerFirst: peer[0]!, oursFound: diffStructure(before, longer).differences.length, peerFound: compare(before, longer) };
}

function timed(work: () => unknown): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
