import type { ControlFeed, Holder } from '../client/holder.ts';
import { limits } from '../protocol/limits.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
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

/** A link that can stop saying that the run is held, before it is given to somebody else. */
export interface KeptRun extends RunLink {
  readonly rest: () => void;
}

/** Keeps a run that this process holds: writes its rows, says that it is alive, hears its commands. Close it at the run's end. */
export function keepRun(options: KeepRunOptions): KeptRun {
  const { holder, runId, holderId, pipelineKey } = options;
  const sink = createWriteBehind(options);
  let status: RunStatus | undefined;
  let feed: ControlFeed | undefined;
  let isLost = false;
  const beat = async () => {
    try {
      const isOurs = await holder.heartbeat(runId, holderId);
      if (isOurs) return await askForLease();
      if (isLost) return;
      isLost = true;
      options.onHolderLost?.();
      feed?.onHolderLost?.();
    } catch {
      // Nobody answers: the write-behind says so where it matters, and the next beat tries again.
    }
  };
  /** Only of a run that is held: others have none that matters. */
  const askForLease = async () => {
    if (status !== 'paused') return;
    const report = await holder.lapsedLease(runId, holderId);
    if (report.state !== 'none') feed?.onLease?.(report);
  };
  const heartbeat = setInterval(() => void beat(), limits.heartbeatMs);
  heartbeat.unref();

  return {
    rest: () => clearInterval(heartbeat),
    sink: {
      write: (rows) => {
        status = rows.run?.status ?? status;
        sink.write(rows);
      },
      flush: () => sink.flush(),
      close: async () => {
        clearInterval(heartbeat);
        await sink.close();
      },
    },
    controls: {
      follow: (wanted) => {
        feed = wanted;
        return holder.followControl(runId, pipelineKey, wanted);
      },
      settle: async (commandId, state, reason) => {
        // What the run has said of its hold must not arrive after the word that it goes on.
        if (state === 'accepted') await sink.flush();
        return await holder.settleCommand(commandId, holderId, state, reason);
      },
      leave: async () => {
        await sink.flush();
        return await holder.leaveHold(runId, holderId);
      },
      lease: () => holder.pauseLease(runId),
    },
  };
}
