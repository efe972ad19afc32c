import { matchesRunFilter } from '../core/run-filter.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { StepValues } from '../core/compare/comparison.ts';
import type { RunChange } from '../protocol/change.ts';
import type { Backend } from './backend.ts';
import { recordedRun } from './load-comparison.ts';
import type { StreamedRecording } from './trace/stream-recording.ts';
import type { TraceReader } from './trace-file.ts';

/** Log rows handed over at once, so that a long recording is seen while it is read. */
const ROWS_AT_ONCE = 5_000;

/**
 * A recording in a file, as a backend with one run: what reads is answered from the file, and everything else is
 * refused with `forbidden`. No code of the run is executed. Closing it closes the file.
 *
 * @param name What people call the file.
 * @param stream The same recording, where it is shown while it is read.
 */
export function traceBackend(reader: TraceReader, name: string, stream?: StreamedRecording): Backend {
  const { run } = reader;
  const ofRun = <Rows>(runId: string, rows: () => Promise<Rows>, none: Rows): Promise<Rows> => (runId === run.test_run_id ? rows() : Promise.resolve(none));
  const reads: Partial<Backend> = {
    url: `file:${name}`,
    identity: 'recording',
    terminal: 'recording',
    isAdmin: () => Promise.resolve(false),
    runs: () => Promise.resolve([run]),
    searchRuns: (filter) => Promise.resolve({ runs: matchesRunFilter(filter, run) ? [run] : [], searched: 1, after: undefined }),
    run: (reference) => {
      const isIt = reference === 'last' || (reference.length >= 4 && (run.test_run_id.startsWith(reference) || run.test_run_id.endsWith(reference)));
      return isIt ? Promise.resolve(run) : Promise.reject(new UserError('not-found', `${name} holds no run "${reference}"`, { hint: `It holds ${run.test_run_id}` }));
    },
    steps: (runId) => ofRun(runId, () => reader.steps(), []),
    logs: async (runId, { afterSeq, beforeSeq, limit = Infinity } = {}) => {
      const rows = [];
      if (runId === run.test_run_id) {
        for await (const row of reader.logs({ afterSeq })) {
          if (beforeSeq === undefined ? rows.length >= limit : row.seq >= beforeSeq) break;
          rows.push(row);
          if (rows.length > limit * 2) rows.splice(0, rows.length - limit);
        }
      }
      return rows.slice(Math.max(0, rows.length - limit));
    },
    snapshot: (runId, stepKey, attempt) => ofRun(runId, () => reader.snapshot(stepKey, attempt), undefined),
    valueReader: () => async (runId, steps) => {
      const values = new Map<string, StepValues>();
      for (const { step_key, attempt } of runId === run.test_run_id ? steps : []) {
        const snapshot = await reader.snapshot(step_key, attempt);
        if (snapshot !== undefined) values.set(step_key, snapshot);
      }
      return values;
    },
    stepHints: (runId, steps) => ofRun(runId, () => recordedRun(reader).hints(steps), new Map()),
    waits: async (runId) => {
      const exchanges = [];
      if (runId === run.test_run_id) for await (const one of reader.exchanges()) exchanges.push(one);
      const logs = [];
      // A recording of before exchanges were recorded tells it by what the provider's lines say.
      if (runId === run.test_run_id && exchanges.length === 0) for await (const row of reader.logs()) if (row.execution_context === 'provider' && row.duration_ms !== null) logs.push(row);
      return { exchanges, logs };
    },
    storedFile: (path) => Promise.reject(new UserError('not-found', `${path} lies in the storage of a backend, and not in ${name}`)),
    stepHistory: (pipelineKey) => Promise.resolve({ pipelineKey, runs: [], isCut: false }),
    family: () => Promise.resolve([run]),
    approvals: ({ state } = {}) => reader.approvals().then((all) => all.filter((one) => state === undefined || one.state === state)),
    comments: (runId) => ofRun(runId, () => reader.comments(), []),
    followComments: (runId, onComments) => {
      void ofRun(runId, () => reader.comments(), []).then(onComments, () => undefined);
      return () => {};
    },
    logBookmarks: (runId) => ofRun(runId, () => reader.logBookmarks(), []),
    followLogBookmarks: (runId, onBookmarks) => {
      void ofRun(runId, () => reader.logBookmarks(), []).then(onBookmarks, () => undefined);
      return () => {};
    },
    sessions: () => Promise.resolve([]),
    followSessions: ({ onSessions }) => {
      onSessions([]);
      return () => {};
    },
    comparisons: () => Promise.resolve([]),
    // Its lines are all there from the beginning; older ones than are held stand in the run itself.
    recentLogs: () => Promise.resolve([]),
    followLogs: ({ onLines, onLink }) => {
      const newest = async (): Promise<void> => {
        const rows = [];
        for await (const row of reader.logs({ afterSeq: Math.max(0, run.seq - limits.everyLogHeld) })) rows.push(row);
        onLines(rows, true);
        onLink?.({ state: 'live' });
      };
      newest().catch((error: unknown) => onLink?.({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs: 0 }));
      return () => {};
    },
    pipelines: () => Promise.resolve([]),
    models: () => Promise.resolve([]),
    runners: () => Promise.resolve([]),
    breakpoints: () => Promise.resolve([]),
    lease: () => Promise.resolve(undefined),
    followLease: () => () => undefined,

    followRun: (runId, follower, { afterSeq = 0 } = {}) => {
      let stopped = false;
      const isStopped = (): boolean => stopped;
      const tell = (changes: readonly RunChange[]): void => {
        const fresh = changes.filter((change) => change.row.seq > afterSeq);
        if (!isStopped() && fresh.length > 0) follower.onChanges(fresh);
      };
      const read = async (): Promise<void> => {
        if (runId !== run.test_run_id) return;
        const [steps, commands] = await Promise.all([reader.steps(), reader.commands()]);
        tell([
          { table: 'test_execution_runs', row: run },
          ...steps.map((row) => ({ table: 'test_execution_steps', row }) as const),
          ...commands.map((row) => ({ table: 'test_execution_commands', row }) as const),
        ]);
        let some: RunChange[] = [];
        for await (const row of reader.logs({ afterSeq })) {
          if (isStopped()) return;
          some.push({ table: 'test_execution_logs', row });
          if (some.length < ROWS_AT_ONCE) continue;
          tell(some);
          some = [];
        }
        tell(some);
        if (!isStopped()) follower.onLink?.({ state: 'live' });
      };
      follower.onLink?.({ state: 'connecting' });
      if (stream && follower.onLines && runId === run.test_run_id) {
        follower.onLink?.({ state: 'live' });
        return stream.follow((changes, reading) => {
          tell(changes);
          follower.onLines?.(stream.lines, reading);
        });
      }
      read().catch((error: unknown) => {
        if (!isStopped()) follower.onLink?.({ state: 'lost', reason: error instanceof Error ? error.message : String(error), retryInMs: 0 });
      });
      return () => {
        stopped = true;
      };
    },
    followLists: (follower) => {
      follower.onRows({ runs: [run], pipelines: [], breakpoints: [], runners: [] });
      follower.onLink?.({ state: 'live' });
      return () => {};
    },
    close: () => reader.close(),
  };
  const refuse = (): Promise<never> => Promise.reject(new UserError('forbidden', `${name} is a recording, and stays as it is`, { hint: 'Import it into a backend with `stepscope import`, and fork it there' }));
  // Whatever a backend learns to do later is refused until somebody says how a file answers it.
  return new Proxy(reads as Backend, {
    get: (known, key, receiver) => (Reflect.has(known, key) ? (Reflect.get(known, key, receiver) as unknown) : typeof key === 'symbol' || key === 'then' ? undefined : refuse),
  });
}
