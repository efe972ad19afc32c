import type { Batch } from '../protocol/batch.ts';
import { limits } from '../protocol/limits.ts';
import type { Rows } from './sink.ts';

/** Left for the envelope of a batch, and for what JSON escapes add. */
const BATCH_BYTES = limits.bodyBytes * 0.8;
/** Larger blobs take their own path. */
const SMALL_BLOB_BYTES = 64 * 1024;

type Step = NonNullable<Rows['steps']>[number];
type Snapshot = NonNullable<Rows['snapshots']>[number];
type Blob = NonNullable<Rows['blobs']>[number];
type Log = NonNullable<Rows['logs']>[number];
type Exchange = NonNullable<Rows['exchanges']>[number];

/** One sending: large blobs first, for the batch names them. */
export interface Parcel {
  readonly largeBlobs: readonly Blob[];
  readonly rows: Rows;
}

/**
 * Rows waiting to be sent. What is written twice is sent once, in its latest form; logs keep their order.
 * A plain collection: who empties it, and when, is decided elsewhere.
 */
export interface RowsBuffer {
  readonly add: (rows: Rows) => void;
  /**
   * Takes out as much as fits one batch. Undefined when there is nothing. The run's own columns come with the
   * last of it, so that who sees a run ended has seen all that led there; with `runFirst`, at once.
   */
  readonly take: (options?: { readonly runFirst?: boolean }) => Parcel | undefined;
  /** Puts back what could not be sent, before what came meanwhile. */
  readonly putBack: (parcel: Parcel) => void;
  /** Characters waiting, about. */
  readonly size: () => number;
}

export function createRowsBuffer(): RowsBuffer {
  let run: Rows['run'];
  const steps = new Map<string, Step>();
  const snapshots = new Map<string, Snapshot>();
  const blobs = new Map<string, Blob>();
  const exchanges = new Map<string, Exchange>();
  let logs: Log[] = [];
  let logSizes: number[] = [];
  let size = 0;

  const waitingCount = () => steps.size + snapshots.size + blobs.size + exchanges.size + logs.length;

  const add = (rows: Rows) => {
    if (rows.run !== undefined) run = { ...run, ...rows.run };
    for (const step of rows.steps ?? []) steps.set(step.id, step);
    for (const snapshot of rows.snapshots ?? []) snapshots.set(snapshot.id, snapshot);
    for (const blob of rows.blobs ?? []) {
      if (!blobs.has(blob.hash)) size += blob.body.length;
      blobs.set(blob.hash, blob);
    }
    for (const exchange of rows.exchanges ?? []) exchanges.set(exchange.id, exchange);
    for (const log of rows.logs ?? []) {
      const bytes = sizeOfLog(log);
      logs.push(log);
      logSizes.push(bytes);
      size += bytes;
    }
  };

  const take: RowsBuffer['take'] = ({ runFirst = false } = {}) => {
    if (run === undefined && waitingCount() === 0) return undefined;
    let room = BATCH_BYTES - (run === undefined ? 0 : JSON.stringify(run).length);
    let count = 0;
    const fits = (bytes: number) => {
      // One row always goes, or a large one would wait for ever.
      if (count > 0 && (room < bytes || count >= limits.batchRows - 1)) return false;
      room -= bytes;
      count += 1;
      return true;
    };
    const largeBlobs: Blob[] = [];
    const smallBlobs: Blob[] = [];
    for (const [hash, blob] of blobs) {
      if (blob.body.length > SMALL_BLOB_BYTES) largeBlobs.push(blob);
      else if (fits(blob.body.length)) smallBlobs.push(blob);
      else break;
      blobs.delete(hash);
      size -= blob.body.length;
    }
    const rows: { -readonly [Key in keyof Batch]?: Batch[Key] } = {};
    if (smallBlobs.length > 0) rows.blobs = smallBlobs;
    // A snapshot or an exchange must not arrive before the blobs it names, nor logs before the step they stand in.
    if (blobs.size === 0) {
      const some = <Row extends Step | Snapshot | Exchange>(waiting: Map<string, Row>): Row[] => {
        const taken: Row[] = [];
        for (const [id, row] of waiting) {
          if (!fits(JSON.stringify(row).length)) break;
          taken.push(row);
          waiting.delete(id);
        }
        return taken;
      };
      const someSteps = some(steps);
      const someSnapshots = steps.size === 0 ? some(snapshots) : [];
      if (someSteps.length > 0) rows.steps = someSteps;
      if (someSnapshots.length > 0) rows.snapshots = someSnapshots;
      const someExchanges = steps.size + snapshots.size === 0 ? some(exchanges) : [];
      if (someExchanges.length > 0) rows.exchanges = someExchanges;
      if (steps.size + snapshots.size + exchanges.size === 0) {
        let n = 0;
        while (n < logs.length && fits(logSizes[n]!)) size -= logSizes[n++]!;
        if (n > 0) {
          rows.logs = logs.slice(0, n);
          logs = logs.slice(n);
          logSizes = logSizes.slice(n);
        }
      }
    }
    if (run !== undefined && (runFirst || waitingCount() === 0)) {
      rows.run = run;
      run = undefined;
    }
    return { largeBlobs, rows: rows as Rows };
  };

  const putBack = ({ largeBlobs, rows }: Parcel) => {
    if (rows.run !== undefined) run = { ...rows.run, ...run };
    const before = <Row extends { readonly id: string }>(old: readonly Row[], waiting: Map<string, Row>) => {
      const newer = [...waiting];
      waiting.clear();
      for (const row of old) waiting.set(row.id, row);
      for (const [id, row] of newer) waiting.set(id, row);
    };
    before(rows.steps ?? [], steps);
    before(rows.snapshots ?? [], snapshots);
    before(rows.exchanges ?? [], exchanges);
    for (const blob of [...largeBlobs, ...(rows.blobs ?? [])]) {
      if (!blobs.has(blob.hash)) size += blob.body.length;
      blobs.set(blob.hash, blob);
    }
    const sizes = (rows.logs ?? []).map(sizeOfLog);
    for (const bytes of sizes) size += bytes;
    logs = [...(rows.logs ?? []), ...logs];
    logSizes = [...sizes, ...logSizes];
  };

  return { add, take, putBack, size: () => size };
}

/** Enough for a bound: the columns that can be long, and the rest as measured once. */
function sizeOfLog(log: Log): number {
  const data = log.data === null ? 4 : JSON.stringify(log.data).length;
  const metadata = Object.keys(log.metadata).length === 0 ? 2 : JSON.stringify(log.metadata).length;
  return Math.ceil(log.message.length * 1.1) + data + metadata + 600;
}
