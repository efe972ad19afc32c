import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../protocol/error.ts';
import { startRunner, type RunnerOptions } from './start-runner.ts';

/*
 * The thread of a runner. Its `workerData` are RunnerOptions. It says `ready` with the keys of its
 * pipelines, or `failed`; it obeys `close`.
 */
const port = parentPort!;
try {
  const options = workerData as RunnerOptions;
  const runner = await startRunner({ ...options, onTrouble: (what) => port.postMessage({ type: 'notice', message: what }) });
  port.on('message', (message: { readonly type: string }) => {
    // Not only the port: supabase-js leaves a timer of ten seconds behind, which would keep the thread.
    if (message.type === 'close') void runner.close().finally(() => process.exit(0));
  });
  port.postMessage({ type: 'ready', id: runner.id, pipelines: runner.pipelines });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  port.postMessage({ type: 'failed', code: error.code, message: error.message, hint: error.hint });
}
