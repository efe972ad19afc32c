import type { Holder } from '../client/holder.ts';
import { limits } from '../protocol/limits.ts';
import type { RunLink } from './sink.ts';
import type { Spool } from './spool.ts';
import { createWriteBehind } from './write-behind.ts';

export interface KeepRunOptions {
  readonly holder: Holder;
  readonly runId: string;
  readonly holderId: string;
  readonly pipelineKey: string | null;
  readonly spool?: Spool | undefined;
  readonly onTrouble?: ((what: string) => void) | undefined;
  /** Somebody else executes the run now: stop. */
  readonly onHolderLost?: (() => void) | undefined;
}

/** Keeps a run that this process holds: writes its rows, says that it is alive, hears its commands. Close it at the run's end. */
export function keepRun(options: KeepRunOptions): RunLink {
  const { holder, runId, holderId, pipelineKey } = options;
  const sink = createWriteBehind(options);
  let isLost = false;
  const beat = async () => {
    try {
      const isOurs = await holder.heartbeat(runId, holderId);
      if (isOurs || isLost) return;
      isLost = true;
      options.onHolderLost?.();
    } catch {
      // Nobody answers: the write-behind says so where it matters, and the next beat tries again.
    }
  };
  const heartbeat = setInterval(() => void beat(), limits.heartbeatMs);
  heartbeat.unref();

  return {
    sink: {
      write: (rows) => sink.write(rows),
      flush: () => sink.flush(),
      close: async () => {
        clearInterval(heartbeat);
        await sink.close();
      },
    },
    controls: {
      follow: (feed) => holder.followControl(runId, pipelineKey, feed),
      settle: (commandId, state, reason) => holder.settleCommand(commandId, holderId, state, reason),
    },
  };
}
