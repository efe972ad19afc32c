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
  /** One line of a trace, or of a log that is imported: a blob as text in quotes, with the row around it. */
  traceLineBytes: 26 * 1024 * 1024,
  /** A file that is one JSON document and is read whole: a trace of version 1, a transcript, OTLP in one piece. */
  importDocumentBytes: 256 * 1024 * 1024,
  /** All of an imported file, unpacked. */
  importBytes: 32 * 1024 * 1024 * 1024,
  /** A gzip file may unpack to this many times its size. Logs reach thirty; what is made to harm reaches a thousand. */
  gzipRatio: 200,
  /** Exchanges recorded of one run. What comes after is not recorded, the log says so, and the run cannot be replayed. */
  runExchanges: 20_000,
  /** All recorded answers of a run that is replayed, together; they are held in memory. */
  replayBytes: 256 * 1024 * 1024,
  /** Runs shown of one family of forks. */
  familyRuns: 200,
  /** Rows in one ingest batch, and in one read of the changes of a run. */
  batchRows: 1_000,
  /** A tracker or runner says it is alive this often. */
  heartbeatMs: 5_000,
  /** A holder or runner that has not been heard of for this long is gone. */
  heartbeatExpiryMs: 30_000,
  /** Runs beside each other in one comparison. */
  comparedRuns: 8,
  /** Pairs of steps without a common key whose likeness is compared, among the sub-steps of one step. */
  alignedPairs: 4_000_000,
  /** Steps without a common key, of all compared runs, whose code and fields are read to find which are the same. */
  hintedSteps: 200,
  /** One value in a saved comparison, as JSON text; longer ones are cut. */
  comparisonValueLength: 2_000,
  /** Steps in a saved comparison whose times are outside of the noise. */
  comparisonSteps: 100,
  /** Earlier runs of a pipeline that times are judged by, and rows of their steps read for it. */
  historyRuns: 500,
  historyRows: 100_000,
  /** The tracker writes what it has at least this often. */
  writeBehindMs: 2_000,
  /** A step may run this long unless it says otherwise. Time held at a gate does not count. */
  stepTimeoutMs: 120_000,
  /** Commands that follow a run say that the link is lost after this long, and give up when no backend has come back by then. */
  linkLostNoticeMs: 3_000,
  linkLostMs: 5 * 60 * 1000,
  /** A pause is held this long before `onLeaseEnd` applies. */
  leaseMs: 24 * 60 * 60 * 1000,
  /** A pause that a terminal holds ends this long after the terminal was last heard of; then `onLeaseEnd` applies. */
  terminalLeaseMs: 60_000,
  /** A terminal says this often that it is there. */
  leaseRenewalMs: 20_000,
  /** A runner that is stopped waits this long for steps under way to end, so that their runs can be held and taken up later. */
  holdOnStopMs: 4_000,
  /** A command nobody has accepted by then is refused. */
  commandExpiryMs: 60_000,
  /** Length of a condition, a watch, or the message of a log point. */
  expressionLength: 2_000,
  /** Parts an expression may consist of, and how deep they may be nested. */
  expressionParts: 400,
  expressionDepth: 24,
  /** Steps one evaluation may take: a part looked at, an item compared, some characters of text. A few milliseconds. */
  expressionSteps: 100_000,
  /** A text or list that an expression builds. */
  expressionTextLength: 100_000,
  /** Lines a log point may write in one run, and how long each may be. */
  logPointLines: 1_000,
  logPointLength: 4_000,
  /** Lines `tail -n` keeps until it knows which are the last. */
  tailLines: 100_000,
  /** Lines of one log that the terminal holds of a run that is followed, most of them on a disk. The oldest are let go, and the log says how many. */
  logLines: 1_000_000,
  /** What a person may set in its place. Fewer would let go of what somebody reads; more take 36 bytes of memory each. */
  fewestLogLines: 1_000,
  mostLogLines: 10_000_000,
  /** Length of a filter over runs or lines of a log. */
  filterLength: 2_000,
  /** Runs that one search looks at, where the filter asks for what the database cannot tell; then it says how far it came. */
  searchedRuns: 10_000,
  /** Lines of all runs together that are read at once, and that a screen holds of them. */
  everyLogPage: 500,
  everyLogHeld: 10_000,
  /** Sessions whose people are looked for, without being in them: each is a subscription. */
  watchedSessions: 10,
  /** Length of a comment, in UTF-8 bytes. */
  commentBytes: 10_000,
  /** Marked lines in the log of one run, and the note of one, in UTF-8 bytes. The database has the same numbers. */
  logBookmarks: 1_000,
  logBookmarkBytes: 2_000,
  /** People (terminals) in one session that are told of, and how often one says where it looks. */
  sessionPeers: 50,
  cursorMs: 100,
  /** A page that `share` writes: all of it, lines of the log, and one value. What is left out is said there. A phone reads it. */
  sharedPageBytes: 8 * 1024 * 1024,
  sharedLogLines: 20_000,
  sharedValueBytes: 256 * 1024,
  /** A backend nobody uses ends itself after this long. */
  idleExitMs: 10 * 60 * 1000,
  /** Checking the audit log, which reads all of it: 100,000 rows take about 0.8 s. */
  auditCheckMs: 120_000,
  /** Free disk space below which the backend refuses writes. */
  minFreeBytes: 256 * 1024 * 1024,
} as const;
