import { fileURLToPath } from 'node:url';
import { connectBackend } from '../client/connect-backend.ts';
import type { Backend } from '../client/backend.ts';
import { isFinal } from '../core/run-state.ts';
import type { LogRow, RunRow, StepRow } from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import { RunOptions } from '../protocol/run-request.ts';
import { startTestBackend, type TestBackend } from '../server/testing.ts';
import { startRunner, type Runner } from './start-runner.ts';

/** A backend with a runner, for tests: everything real, in this process and its threads. */
export interface TestRunner {
  readonly server: TestBackend;
  readonly backend: Backend;
  readonly runner: Runner;
  /** Starts a run and waits for its end. */
  run(request: Partial<Omit<RunRequest, 'options'>> & { readonly pipeline: string; readonly options?: Partial<RunOptions> }): Promise<EndedRun>;
  /** Starts a run and waits until it is as `wanted` says. */
  start(request: Partial<Omit<RunRequest, 'options'>> & { readonly pipeline: string; readonly options?: Partial<RunOptions> }): Promise<RunRow>;
  reach(runId: string, wanted: (run: RunRow) => boolean): Promise<RunRow>;
  ended(runId: string): Promise<EndedRun>;
  close(): Promise<void>;
}

export interface EndedRun {
  readonly run: RunRow;
  readonly steps: readonly StepRow[];
  readonly logs: readonly LogRow[];
}

export const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/pipelines/${name}`, import.meta.url));

export async function startTestRunner(options: { readonly files?: readonly string[]; readonly bundled?: boolean; readonly environment?: NodeJS.ProcessEnv; readonly onFailureMs?: number }): Promise<TestRunner> {
  const server = await startTestBackend();
  const backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: { email: server.admin.email, password: server.admin.password } });
  const troubles: string[] = [];
  const runner = await startRunner({
    url: server.url,
    secretKey: server.keys.secretKey,
    files: options.files ?? [],
    bundled: options.bundled ?? false,
    environment: options.environment,
    onFailureMs: options.onFailureMs,
    onTrouble: (what) => troubles.push(what),
  });

  const test: TestRunner = {
    server,
    backend,
    runner,
    async start({ options: choices, ...request }) {
      const pipeline = (await backend.pipelines()).find((one) => one.pipeline_key === request.pipeline);
      return await backend.startRun({
        inputs: pipeline?.example_inputs ?? {},
        mode: 'auto',
        billing: 'test',
        onLeaseEnd: 'hold',
        tags: [],
        options: RunOptions.parse({ simulate: 'latency=0', ...choices }),
        ...request,
      });
    },
    run: async (request) => await test.ended((await test.start(request)).test_run_id),
    reach: (runId, wanted) => reach(backend, runId, wanted),
    async ended(runId) {
      const run = await reach(backend, runId, isFinal);
      return { run, steps: await backend.steps(runId), logs: await backend.logs(runId) };
    },
    async close() {
      await runner.close();
      await backend.close();
      await server.stop();
      if (troubles.length > 0) throw new Error(`the runner reported: ${troubles.join('; ')}`);
    },
  };
  return test;
}

/** Follows the run, as a screen does, until it is as wanted. */
export async function reach(backend: Backend, runId: string, wanted: (run: RunRow) => boolean, withinMs = 50_000): Promise<RunRow> {
  const { promise, resolve, reject } = Promise.withResolvers<RunRow>();
  let last: RunRow | undefined;
  const timer = setTimeout(() => reject(new Error(`run ${runId} is ${last?.status} at ${last?.current_step}: ${last?.error_message}`)), withinMs);
  const stop = backend.followRun(runId, {
    onChanges: (changes) => {
      for (const change of changes) {
        if (change.table !== 'test_execution_runs') continue;
        last = change.row;
        if (wanted(change.row)) resolve(change.row);
      }
    },
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}
