import type { Holder } from '../client/holder.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { createRowsBuffer } from './rows-buffer.ts';
import type { Parcel } from './rows-buffer.ts';
import type { Sink } from './sink.ts';
import type { Spool } from './spool.ts';

/** Sendings follow each other at least this far apart; the first after a rest goes at once. */
const PACE_MS = 50;
/** With more than this in memory and nobody answering, rows go to the disk. */
const MOST_IN_MEMORY = 8 * 1024 * 1024;
/** How often `flush` tries when nobody answers, before it leaves the rows to the spool. */
const FLUSH_ATTEMPTS = 2;

export interface WriteBehindOptions {
  readonly holder: Pick<Holder, 'ingest' | 'storeBlobs'>;
  readonly runId: string;
  readonly holderId: string;
  readonly spool?: Spool | undefined;
  /** Told once for each trouble a person should know of: rows lost, the run taken over. */
  readonly onTrouble?: ((what: string) => void) | undefined;
  /** The run has another holder now. Nothing more is sent. */
  readonly onHolderLost?: (() => void) | undefined;
}

/**
 * Sends rows to a backend behind the caller's back: at once after a rest, at most every {@link PACE_MS}
 * under load, one request at a time so that order holds. When nobody answers it retries with growing
 * pauses of at most {@link limits.writeBehindMs} and keeps what comes, in memory and then in the spool. It
 * has no timer while there is nothing to send, and none that keeps a process alive.
 */
export function createWriteBehind(options: WriteBehindOptions): Sink {
  const { holder, runId, holderId, spool } = options;
  const buffer = createRowsBuffer();
  let turn: Promise<boolean> = Promise.resolve(true);
  let sending: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let lastSentMs = 0;
  let failures = 0;
  let hasSent = false;
  let isLost = false;
  let isClosed = false;
  let hasSpooled = (spool?.read().length ?? 0) > 0;

  const send = async ({ largeBlobs, rows }: Parcel) => {
    if (largeBlobs.length > 0) {
      // A blob hangs on its run, which may be as new.
      if (rows.run !== undefined) await holder.ingest({ run_id: runId, holder_id: holderId, run: rows.run });
      await holder.storeBlobs(largeBlobs);
    }
    if (Object.keys(rows).length > 0) await holder.ingest({ run_id: runId, holder_id: holderId, ...rows });
    hasSent = true;
  };

  const sendSpooled = async () => {
    if (!hasSpooled) return;
    for (const line of spool!.read()) await holder.ingest({ run_id: runId, holder_id: line.holder_id, ...line.batch });
    spool!.clear();
    hasSpooled = false;
  };

  /** Sends what there is, after whatever is being sent. False when nobody answers. */
  const drain = (): Promise<boolean> => (turn = turn.then(sendAll));

  const sendAll = async (): Promise<boolean> => {
    for (;;) {
      const parcel = isLost ? undefined : buffer.take({ runFirst: !hasSent });
      if (parcel === undefined && !hasSpooled) return true;
      try {
        await sendSpooled();
        if (parcel !== undefined) await send(parcel);
        failures = 0;
        lastSentMs = Date.now();
      } catch (error) {
        if (isOurFault(error)) {
          // Sent again it would fail again, and everything behind it would wait for ever.
          options.onTrouble?.(`rows were refused and are lost: ${error instanceof Error ? error.message : String(error)}`);
          if (error instanceof UserError && error.code === 'conflict') {
            isLost = true;
            options.onHolderLost?.();
          }
          continue;
        }
        failures += 1;
        if (parcel !== undefined) buffer.putBack(parcel);
        if (buffer.size() > MOST_IN_MEMORY) toSpool();
        return false;
      }
    }
  };

  const toSpool = () => {
    for (let parcel = buffer.take({ runFirst: !hasSent }); parcel !== undefined; parcel = buffer.take()) {
      hasSent = true;
      const { largeBlobs, rows } = parcel;
      const isKept =
        spool?.append(holderId, { ...rows, ...(largeBlobs.length > 0 ? { blobs: [...largeBlobs, ...(rows.blobs ?? [])] } : {}) }) ?? false;
      if (isKept) {
        hasSpooled = true;
        options.onTrouble?.('nobody answers at the backend; what was recorded is kept on disk and sent by the next program that finds it');
      } else
        options.onTrouble?.(
          `rows are lost: nobody answers at the backend and ${spool === undefined ? 'there is no spool' : 'the spool is full'}`,
        );
    }
  };

  const schedule = () => {
    if (timer !== undefined || sending !== undefined || isClosed) return;
    const pauseMs = failures > 0 ? Math.min(limits.writeBehindMs, 125 * 2 ** failures) : Math.max(0, lastSentMs + PACE_MS - Date.now());
    timer = setTimeout(() => {
      timer = undefined;
      sending = drain().then((done) => {
        sending = undefined;
        if (!done || buffer.size() > 0) schedule();
      });
    }, pauseMs);
    timer.unref();
  };

  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    await sending;
    for (let attempt = 1; attempt <= FLUSH_ATTEMPTS; attempt++) if (await drain()) return;
    toSpool();
  };

  return {
    write: (rows) => {
      if (isLost) return;
      buffer.add(rows);
      schedule();
    },
    flush,
    close: async () => {
      if (isClosed) return;
      await flush();
      isClosed = true;
    },
  };
}

/** Did the backend answer, and say no for good? */
function isOurFault(error: unknown): boolean {
  return !(error instanceof UserError) || ['usage', 'conflict', 'too-large', 'not-found', 'forbidden', 'failed'].includes(error.code);
}
