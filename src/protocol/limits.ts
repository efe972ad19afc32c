/**
 * Every limit that more than one room must agree on. Reaching one is always visible: as a typed error,
 * a `$truncated` mark on the screen, or a notice in the log.
 */
export const limits = {
  /** Nesting of any JSON that reaches the database. Deeper input makes the embedded database spin. */
  jsonDepth: 64,
  /** Keys in one JSON document. */
  jsonKeys: 10_000,
  /** One log row, serialised. Larger data becomes `{"$truncated": bytes, "hash": …}`. */
  eventBytes: 256 * 1024,
  /** One HTTP body and one ingest batch. */
  bodyBytes: 1024 * 1024,
  /** One snapshot blob, uncompressed. */
  blobBytes: 16 * 1024 * 1024,
  /** Rows in one ingest batch, and in one read of the changes of a run. */
  batchRows: 1_000,
  /** A tracker or runner says it is alive this often. */
  heartbeatMs: 5_000,
  /** A holder or runner that has not been heard of for this long is gone. */
  heartbeatExpiryMs: 30_000,
  /** The tracker writes what it has at least this often. */
  writeBehindMs: 2_000,
  /** A step may run this long unless it says otherwise. Time held at a gate does not count. */
  stepTimeoutMs: 120_000,
  /** A pause is held this long before `onLeaseEnd` applies. */
  leaseMs: 24 * 60 * 60 * 1000,
  /** A command nobody has accepted by then is refused. */
  commandExpiryMs: 60_000,
  /** A backend nobody uses ends itself after this long. */
  idleExitMs: 10 * 60 * 1000,
  /** Free disk space below which the backend refuses writes. */
  minFreeBytes: 256 * 1024 * 1024,
} as const;
