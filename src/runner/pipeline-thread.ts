import { Worker } from 'node:worker_threads';
import { UserError } from '../protocol/error.ts';
import type { DescribedPipeline, FromPipelineThread, PipelineTask, Trouble } from './thread-messages.ts';

/** Importing a pipeline's file may take this long. */
const DESCRIBE_TIMEOUT_MS = 20_000;

/**
 * Starts a thread for code of pipelines. What that code does to the thread (spin, exit, exhaust its memory)
 * stays in it. Its standard output is not ours: the thread turns it into log lines.
 */
export function startPipelineThread(task: PipelineTask): Worker {
  const entry = new URL(import.meta.url.endsWith('.ts') ? './run-worker.ts' : './run-worker.js', import.meta.url);
  return new Worker(entry, {
    name: task.task === 'describe' ? 'describe pipelines' : `${task.task === 'put-right' ? 'put right' : task.task} ${task.run.test_run_id.slice(-6)}`,
    workerData: task,
    execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'],
    stdout: true,
    stderr: true,
  });
}

/** What the pipelines in some files are. Throws what `loadPipelines` throws, and for files that spin or exit. */
export async function describePipelines(files: readonly string[]): Promise<readonly DescribedPipeline[]> {
  const thread = startPipelineThread({ task: 'describe', files });
  const { promise, resolve, reject } = Promise.withResolvers<readonly DescribedPipeline[]>();
  const named = files.join(', ');
  const timer = setTimeout(() => {
    reject(new UserError('usage', `loading ${named} takes longer than ${DESCRIBE_TIMEOUT_MS / 1000} s`, { hint: 'Move work out of the top of the file into steps' }));
  }, DESCRIBE_TIMEOUT_MS);
  thread.on('message', (message: FromPipelineThread) => {
    if (message.type === 'described') resolve(message.pipelines);
    if (message.type === 'refused') reject(toError(message.trouble));
    if (message.type === 'exiting') reject(new UserError('usage', `loading ${named} calls process.exit(${message.code})`, { hint: placeOfExit(message.stack) }));
  });
  thread.on('error', (error) => reject(error));
  thread.on('exit', (code) => reject(new UserError('usage', `loading ${named} ended its thread with status ${code}`)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

/** The error behind what another thread reported. */
function toError({ code, message, hint, stack }: Trouble): Error {
  if (code !== undefined) return new UserError(code, message, { hint });
  return Object.assign(new Error(message), stack === undefined ? {} : { stack });
}

function placeOfExit(stack: string): string | undefined {
  return stack.split('\n').find((line) => line.includes('file:'))?.trim();
}
