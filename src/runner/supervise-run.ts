import { setTimeout as wait } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { Holder } from '../client/holder.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { RunRow } from '../protocol/rows.ts';
import { effectsOf, RunOptions } from '../protocol/run-request.ts';
import { keepRun } from '../tracker/keep-run.ts';
import { serveRun } from '../tracker/run-port.ts';
import type { RunLink } from '../tracker/sink.ts';
import { nextExchange, prepareFork } from './fork.ts';
import { knowRows, type Ending } from './known-rows.ts';
import { startPipelineThread } from './pipeline-thread.ts';
import { ON_FAILURE_MS } from './put-right.ts';
import { prepareResume } from './resume.ts';
import { stackOfThread } from './stack-of-thread.ts';
import type { DescribedPipeline, FromPipelineThread, ProviderAccess, ToPipelineThread } from './thread-messages.ts';
import { messageOf, stackOf, userStack } from './user-stack.ts';

/** A step that has used up its time gets this long to notice; then its thread is ended. */
const TIMEOUT_GRACE_MS = 2_000;
/** A cancelled run whose thread has not stopped the step by then is ended. */
const CANCEL_GRACE_MS = 3_000;

/** Where a thread of its own puts a run right, loading the file again may take this long besides. */
const LOAD_AGAIN_MS = 10_000;

export interface SuperviseOptions {
  readonly holder: Holder;
  readonly secretKey: string;
  readonly runnerId: string;
  readonly run: RunRow;
  readonly pipeline: DescribedPipeline;
  readonly providerFor: (options: RunOptions) => Promise<ProviderAccess>;
  readonly onTrouble: (what: string) => void;
  /** How long `onFailure` of a pipeline may take. */
  readonly onFailureMs?: number | undefined;
}

export interface SupervisedRun {
  /** Resolves when the run has ended and all of it is stored, however it ended. Never rejects. */
  readonly ended: Promise<void>;
  /** Is it held at a gate? Then it only waits. */
  isHeld(): boolean;
  /**
   * Lets go of it because this process ends. One that is held before a step, or comes to be within
   * {@link limits.holdOnStopMs}, goes to whoever takes it up; the others are cancelled, with the reason for their log.
   */
  stop(reason: string): Promise<void>;
}

/** Executes a claimed run in a thread of its own, and sees to it that the run has an end whatever the thread does. */
export function superviseRun(options: SuperviseOptions): SupervisedRun {
  const { holder, run, runnerId, onFailureMs = ON_FAILURE_MS } = options;
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
  /** How the run is let go when this process ends; before its thread has begun, by cancelling it. */
  let letGo = async (reason: string): Promise<void> => {
    if (run.status === 'paused' && (await giveAway())) return;
    cancelling.abort(reason);
  };
  const giveAway = async (): Promise<boolean> => {
    own.rest();
    await link.sink.flush();
    const isGiven = await holder.releaseRun(run.test_run_id, runnerId).catch(() => false);
    if (isGiven) abort.abort('given away');
    return isGiven;
  };
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
      firstExchange: known.nextExchange(),
      onFailureMs,
      provider,
      url: holder.url,
      secretKey: options.secretKey,
    });
    const served = serveRun(thread, link);
    const late = new AbortController();
    const putRightMs = LOAD_AGAIN_MS + onFailureMs;
    const timer = setTimeout(() => late.abort(), putRightMs);
    try {
      const failure = await watch(thread, new AbortController().signal, AbortSignal.any([abort.signal, late.signal]));
      const why = late.signal.aborted ? `it took longer than ${putRightMs / 1000} s` : failure?.message;
      if (why !== undefined) link.sink.write(known.log(`Putting the run right failed: ${why}`));
    } finally {
      clearTimeout(timer);
      served.stop();
      await thread.terminate();
    }
  }

  async function execute(choices: RunOptions, provider: ProviderAccess): Promise<Ending | undefined> {
    // Held, and without a holder when it was claimed: it goes on where it is.
    const resume = run.status === 'paused' ? await prepareResume(holder, run, options.pipeline.step_tree, choices) : undefined;
    if (resume) known.see(resume.rows);
    const fork = resume !== undefined ? undefined : await prepareFork(holder, run, { tree: options.pipeline.step_tree, effects: effectsOf(choices), holderId: runnerId });
    if (fork) link.sink.write(fork.rows);
    const firstExchange = await nextExchange(holder, run);
    if (abort.signal.aborted) return undefined;
    const thread = startPipelineThread({
      task: 'run',
      file: options.pipeline.file_path!,
      run,
      fork: resume?.start ?? fork?.start,
      takenUp: resume?.takenUp,
      recorded: resume?.recorded ?? fork?.recorded,
      firstExchange,
      onFailureMs,
      provider,
      url: holder.url,
      secretKey: options.secretKey,
    });
    const heldOrEnded = Promise.withResolvers<void>();
    const served = serveRun(thread, link, (rows) => {
      known.see(rows);
      if (known.status() === 'paused') heldOrEnded.resolve();
    });
    letGo = async (reason) => {
      if (options.pipeline.resumable && known.status() !== 'paused') {
        thread.postMessage({ type: 'hold', reason: 'its runner, which was stopped' } satisfies ToPipelineThread);
        await Promise.race([heldOrEnded.promise, wait(limits.holdOnStopMs, undefined, { ref: false })]);
      }
      if (!known.canBeTakenUp()) {
        cancelling.abort(reason);
        return;
      }
      // From here on it neither obeys nor writes: nothing of it may arrive after it was given away.
      served.stop();
      if (!(await giveAway())) stopped.resolve({ status: 'cancelled', message: reason, stack: null });
    };
    const stopped = Promise.withResolvers<Ending>();
    try {
      return await Promise.race([watch(thread, cancelling.signal, abort.signal).finally(heldOrEnded.resolve), stopped.promise]);
    } finally {
      served.stop();
      await thread.terminate();
    }
  }

  const ended = supervise();
  return {
    ended,
    isHeld: () => known.status() === 'paused',
    stop: async (reason) => {
      await letGo(reason);
      await ended;
    },
  };
}

/** Waits for the thread to end its run; resolves with how to end it when the thread cannot. */
export async function watch(thread: Worker, cancelling: AbortSignal, lost: AbortSignal): Promise<Ending | undefined> {
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
      case 'sources':
      case 'diverged':
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
      leave: () => link.controls.leave(),
      lease: () => link.controls.lease(),
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
