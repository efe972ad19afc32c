import { UserError } from '../protocol/error.ts';
import type { RunRecorder } from '../tracker/recorder.ts';
import type { Pipeline, RunFailure, RunState } from './pipeline.ts';
import type { StepContexts } from './step-context.ts';
import { limited, type Watch } from './time-limit.ts';
import { messageOf, stackOf } from './user-stack.ts';

/** How long a pipeline's `onFailure` may take, in milliseconds, where its runner was not told otherwise. */
export const ON_FAILURE_MS = 10_000;

export interface PutRightOptions {
  readonly pipeline: Pipeline;
  readonly state: RunState;
  readonly failure: RunFailure;
  readonly recorder: Pick<RunRecorder, 'log'>;
  readonly contexts: StepContexts;
  readonly watch: Watch;
  /** How long it may take; {@link ON_FAILURE_MS} when not given. */
  readonly onFailureMs?: number | undefined;
}

/** Lets a pipeline put right what its failed run has left behind. Never rejects: what goes wrong then is a line in the log. */
export async function putRight({ pipeline, state, failure, recorder, contexts, watch, onFailureMs = ON_FAILURE_MS }: PutRightOptions): Promise<void> {
  const { onFailure } = pipeline;
  if (onFailure === undefined) return;
  try {
    await limited((signal) => onFailure(state, failure, contexts.contextFor(signal)), {
      timeoutMs: onFailureMs,
      cancelled: new AbortController().signal,
      watch,
      timeoutError: () => new UserError('timeout', `it took longer than ${onFailureMs / 1000} s`),
    });
  } catch (error) {
    recorder.log({ level: 'error', message: `Putting the run right failed: ${messageOf(error)}`, data: { stack: stackOf(error) } });
  }
}
