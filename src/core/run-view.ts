import type { RunChange } from '../protocol/change.ts';
import type { CommandRow, LogRow, RunRow, StepRow } from '../protocol/rows.ts';

/** A step as a screen shows it: its latest attempt, the earlier ones, and its sub-steps. */
export interface StepView {
  readonly row: StepRow;
  /** Earlier attempts, oldest first. */
  readonly earlier: readonly StepRow[];
  readonly steps: readonly StepView[];
}

/**
 * Everything known of one run: a fold over its changes, the same whether they came live, from a read of
 * what was missed, or from a file.
 */
export interface RunView {
  readonly run: RunRow | undefined;
  /** In the order in which they run; sub-steps hang under their step. */
  readonly steps: readonly StepView[];
  /** In order of `seq`. One array that grows: see {@link RunView.logCount}. */
  readonly logs: readonly LogRow[];
  /** How many of {@link logs} belong to this view; the array itself may have grown for a later one. */
  readonly logCount: number;
  /** In order of creation. */
  readonly commands: readonly CommandRow[];
  /** Highest number seen. */
  readonly seq: number;
  /** By id, what the fold itself needs. */
  readonly index: ViewIndex;
}

interface ViewIndex {
  readonly steps: ReadonlyMap<string, StepRow>;
  readonly commands: ReadonlyMap<string, CommandRow>;
  /** Numbers of the logs held, to know a repetition. Shared by all views of one fold, like the array. */
  readonly logSeqs: Set<number>;
}

/** Before anything is known. A new one for every run: the log array grows in place. */
export function emptyView(): RunView {
  return {
    run: undefined,
    steps: [],
    logs: [],
    logCount: 0,
    commands: [],
    seq: 0,
    index: { steps: new Map(), commands: new Map(), logSeqs: new Set() },
  };
}

/**
 * The view after these changes, in any order, any of them any number of times: of one row the higher
 * `seq` stands.
 *
 * Returns `view` itself when nothing is new. Costs what the changes cost, not what the view holds: log rows
 * that follow are appended to the one array, and `logs` of an older view must be read up to its `logCount`.
 * Only the newest view of a fold may be folded further.
 */
export function applyChanges(view: RunView, changes: readonly RunChange[]): RunView {
  let { run, seq } = view;
  let steps: Map<string, StepRow> | undefined;
  let commands: Map<string, CommandRow> | undefined;
  const fresh: LogRow[] = [];

  for (const change of changes) {
    if (change.row.seq > seq) seq = change.row.seq;
    switch (change.table) {
      case 'test_execution_runs':
        if (run === undefined || change.row.seq > run.seq) run = change.row;
        break;
      case 'test_execution_steps': {
        const known = (steps ?? view.index.steps).get(change.row.id);
        if (known === undefined || change.row.seq > known.seq) (steps ??= new Map(view.index.steps)).set(change.row.id, change.row);
        break;
      }
      case 'test_execution_commands': {
        const known = (commands ?? view.index.commands).get(change.row.id);
        if (known === undefined || change.row.seq > known.seq) (commands ??= new Map(view.index.commands)).set(change.row.id, change.row);
        break;
      }
      case 'test_execution_logs':
        if (!view.index.logSeqs.has(change.row.seq)) {
          view.index.logSeqs.add(change.row.seq);
          fresh.push(change.row);
        }
        break;
    }
  }

  if (run === view.run && steps === undefined && commands === undefined && fresh.length === 0) return view;
  const logs = fresh.length === 0 ? view.logs : withLogs(view, fresh);
  return {
    run,
    steps: steps === undefined ? view.steps : nest([...steps.values()]),
    logs,
    logCount: fresh.length === 0 ? view.logCount : logs.length,
    commands: commands === undefined ? view.commands : [...commands.values()].toSorted(byCreation),
    seq,
    index: { steps: steps ?? view.index.steps, commands: commands ?? view.index.commands, logSeqs: view.index.logSeqs },
  };
}

/** Every step of a view with its sub-steps after it, as a list on a screen. */
export function flattenViews(steps: readonly StepView[]): readonly StepView[] {
  return steps.flatMap((step) => [step, ...flattenViews(step.steps)]);
}

function withLogs(view: RunView, fresh: LogRow[]): readonly LogRow[] {
  fresh.sort(bySeq);
  const last = view.logs.at(-1);
  if (last !== undefined && last.seq > fresh[0]!.seq) return [...view.logs, ...fresh].toSorted(bySeq);
  const logs = view.logs as LogRow[];
  for (const row of fresh) logs.push(row);
  return logs;
}

function nest(rows: StepRow[]): readonly StepView[] {
  const attempts = Map.groupBy(rows, (row) => row.step_key);
  const latest = [...attempts.values()].map((all) => {
    const ordered = all.toSorted((a, b) => a.attempt - b.attempt || a.seq - b.seq);
    return { row: ordered.at(-1)!, earlier: ordered.slice(0, -1) };
  });
  latest.sort((a, b) => a.row.ordinal - b.row.ordinal || a.row.seq - b.row.seq);
  const keys = new Set(attempts.keys());
  // A step whose parent has not been seen yet stands at the top until it has.
  const parentOf = (row: StepRow) =>
    row.parent_step_key !== null && row.parent_step_key !== row.step_key && keys.has(row.parent_step_key) ? row.parent_step_key : null;
  const children = Map.groupBy(latest, (one) => parentOf(one.row));
  const build = (parent: string | null): readonly StepView[] =>
    (children.get(parent) ?? []).map((one) => ({ ...one, steps: build(one.row.step_key) }));
  return build(null);
}

function bySeq(a: LogRow, b: LogRow): number {
  return a.seq - b.seq;
}

function byCreation(a: CommandRow, b: CommandRow): number {
  return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.seq - b.seq;
}
