import type { Worker } from 'node:worker_threads';
import type { Holder } from '../client/holder.ts';
import { UserError } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import { keepRun } from '../tracker/keep-run.ts';
import { serveRun } from '../tracker/run-port.ts';
import type { RunLink } from '../tracker/sink.ts';
import { prepareFork } from './fork.ts';
import { knowRows, type Ending } from './known-rows.ts';
import { startPipelineThread } from './pipeline-thread.ts';
import { ON_FAILURE_MS } from './put-right.ts';
import { stackOfThread } from './stack-of-thread.ts';
import type { DescribedPipeline, FromPipelineThread, ProviderAccess, ToPipelineThread } from './thread-messages.ts';
import { messageOf, stackOf, userStack } from './user-stack.ts';

/** A step that has used up its time gets this long to notice; then its thread is ended. */
const TIMEOUT_GRACE_MS = 2_000;
/** A cancelled run whose thread has not stopped the step by then is ended. */
const CANCEL_GRACE_MS = 3_000;

/** Loading the file again and `onFailure` together may take this long. */
const PUT_RIGHT_MS = ON_FAILURE_MS + 10_000;

export interface SuperviseOptions {
  readonly holder: Holder;
  readonly secretKey: string;
  readonly runnerId: string;
  readonly run: RunRow;
  readonly pipeline: DescribedPipeline;
  readonly providerFor: (options: RunOptions) => Promise<ProviderAccess>;
  readonly onTrouble: (what: string) => void;
}

export interface SupervisedRun {
  /** Resolves when the run has ended and all of it is stored, however it ended. Never rejects. */
  readonly ended: Promise<void>;
  /** Is it held at a gate? Then it only waits. */
  isHeld(): boolean;
  /** Cancels it, with a reason for its log. */
  cancel(reason: string): void;
}

/** Executes a claimed run in a thread of its own, and sees to it that the run has an end whatever the thread does. */
export function superviseRun(options: SuperviseOptions): SupervisedRun {
  const { holder, run, runnerId } = options;
  const known = knowRows(run);
  const abort = new AbortController();
  const own = keepRun({
    holder,
    runId: run.test_run_id,
    holderId: runnerId,
    pipelineKey: run.pipeline_key,
    onTrouble: (what) => options.onTrouble(`run ${run.test_run_id}: ${what}`),
    onHolderLost: () => abort.abort('holder lost'),
  });
  const cancelling = new AbortController();
  const link = overhear(own, () => cancelling.abort());

  async function supervise(): Promise<void> {
    try {
      const choices = RunOptions.parse(run.execution_data['options'] ?? {});
      const provider = await options.providerFor(choices);
      const ending = await execute(choices, provider);
      if (ending === undefined) return;
      await putRight(ending, provider).catch((error: unknown) => link.sink.write(known.log(`Putting the run right failed: ${messageOf(error)}`)));
      link.sink.write(known.end(ending));
    } catch (error) {
      link.sink.write(known.end(refusal(error)));
    } finally {
      await link.sink.close();
    }
  }

  /** In a thread of its own, for a run whose thread could not: spinning, exited, out of memory. */
  async function putRight({ status, message }: Ending, provider: ProviderAccess): Promise<void> {
    const reached = await known.reached();
    if (reached === undefined || abort.signal.aborted) return;
    const thread = startPipelineThread({
      task: 'put-right',
      file: options.pipeline.file_path!,
      run,
      state: reached.state,
      failure: { step: reached.step, message, cancelled: status === 'cancelled' },
      provider,
      url: holder.url,
      secretKey: options.secretKey,
    });
    const served = serveRun(thread, link);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), PUT_RIGHT_MS);
    try {
      const failure = await watch(thread, new AbortController().signal, AbortSignal.any([abort.signal, late.signal]));
      const why = late.signal.aborted ? `it took longer than ${PUT_RIGHT_MS / 1000} s` : failure?.message;
      if (why !== undefined) link.sink.write(known.log(`Putting the run right failed: ${why}`));
    } finally {
      clearTimeout(timer);
      served.stop();
      await thread.terminate();
    }
  }

  async function execute(choices: RunOptions, provider: ProviderAccess): Promise<Ending | undefined> {
    const fork = await prepareFork(holder, run, options.pipeline.step_tree, choices.repeatEffects);
    if (fork) {
      if (fork.blobs.length > 0) await holder.storeBlobs(fork.blobs);
      link.sink.write(fork.rows);
    }
    const thread = startPipelineThread({
      task: 'run',
      file: options.pipeline.file_path!,
      run,
      fork: fork?.start,
      provider,
      url: holder.url,
      secretKey: options.secretKey,
    });
    const served = serveRun(thread, link, known.see);
    try {
      return await watch(thread, cancelling.signal, abort.signal);
    } finally {
      served.stop();
      await thread.terminate();
    }
  }

  return {
    ended: supervise(),
    isHeld: () => known.status() === 'paused',
    cancel: (reason) => cancelling.abort(reason),
  };
}

/** Waits for the thread to end its run; resolves with how to end it when the thread cannot. */
async function watch(thread: Worker, cancelling: AbortSignal, lost: AbortSignal): Promise<Ending | undefined> {
  const { promise, resolve } = Promise.withResolvers<Ending | undefined>();
  let limit: NodeJS.Timeout | undefined;
  let exiting: { readonly code: number; readonly stack: string } | undefined;
  let refused: Ending | undefined;

  thread.on('message', (message: FromPipelineThread) => {
    switch (message.type) {
      case 'limit': {
        clearTimeout(limit);
        const { timeoutMs } = message;
        if (timeoutMs !== null) limit = setTimeout(() => void spinning(thread, timeoutMs).then(resolve), timeoutMs + TIMEOUT_GRACE_MS);
        return;
      }
      case 'exiting':
        exiting = message;
        return;
      case 'refused':
        refused = { status: 'failed', message: message.trouble.message, stack: message.trouble.stack === undefined ? null : userStack(message.trouble.stack) };
        return;
      case 'ended':
        return resolve(undefined);
      case 'described':
    }
  });
  thread.on('error', (error) => resolve({ status: 'failed', message: deathOf(error), stack: stackOf(error) ?? null }));
  thread.on('exit', (code) => {
    resolve(
      refused ?? {
        status: 'failed',
        message: exiting ? `the pipeline called process.exit(${exiting.code})` : `the thread of the run ended with status ${code}`,
        stack: exiting ? userStack(exiting.stack) : null,
      },
    );
  });
  const cancel = (): void => {
    // A person's order has reached the thread by itself; ours has not.
    if (typeof cancelling.reason === 'string') thread.postMessage({ type: 'cancel', reason: cancelling.reason } satisfies ToPipelineThread);
    // A thread that hears it stops its step, and with it this clock.
    clearTimeout(limit);
    limit = setTimeout(() => resolve({ status: 'cancelled', message: 'cancelled: the step did not let go of its thread, which was ended', stack: null }), CANCEL_GRACE_MS);
  };
  cancelling.addEventListener('abort', cancel);
  if (cancelling.aborted) cancel();
  lost.addEventListener('abort', () => resolve(undefined));

  const ending = await promise;
  clearTimeout(limit);
  cancelling.removeEventListener('abort', cancel);
  return ending;
}

async function spinning(thread: Worker, timeoutMs: number): Promise<Ending> {
  const limit = timeoutMs % 1000 === 0 ? `${timeoutMs / 1000} s` : `${timeoutMs} ms`;
  const message = `the step ran for ${limit} without letting go of its thread, which was ended`;
  const stack = await stackOfThread(thread);
  return { status: 'failed', message, stack: stack === undefined ? message : userStack(`${message}\n${stack}`) };
}

function deathOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'the pipeline used up the memory of its thread';
  return error instanceof Error ? error.message : String(error);
}

/** A run that cannot begin: with what a person can do about it. */
function refusal(error: unknown): Ending {
  if (error instanceof UserError) return { status: 'failed', message: error.hint ? `${error.message}. ${error.hint}` : error.message, stack: null };
  return { status: 'failed', message: error instanceof Error ? error.message : String(error), stack: stackOf(error) ?? null };
}

/** The link itself, telling of orders to cancel: a thread that spins does not hear them. */
function overhear(link: RunLink, onCancel: () => void): RunLink {
  return {
    sink: link.sink,
    controls: {
      settle: (commandId, state, reason) => link.controls.settle(commandId, state, reason),
      follow: (feed) =>
        link.controls.follow({
          ...feed,
          onCommand: (command) => {
            if (command.verb === 'cancel') onCancel();
            feed.onCommand(command);
          },
        }),
    },
  };
}
