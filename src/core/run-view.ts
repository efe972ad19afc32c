import type { RunChange } from '../protocol/change.ts';
import type { CommandRow, LogRow, RunRow, StepRow } from '../protocol/rows.ts';
import { memoryLines, type LogLines } from './log-lines.ts';

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
  /** In order of `seq`. One store that grows in place: see {@link RunView.logCount}. */
  readonly logs: LogLines;
  /** Lines of {@link logs} before this index belong to this view; the store itself may have grown for a later one. */
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
}

/** Before anything is known. A new one for every run: its lines grow in place. */
export function emptyView(): RunView {
  return {
    run: undefined,
    steps: [],
    logs: memoryLines(),
    logCount: 0,
    commands: [],
    seq: 0,
    index: { steps: new Map(), commands: new Map() },
  };
}

/**
 * The view after these changes, in any order, any of them any number of times: of one row the higher
 * `seq` stands.
 *
 * Returns `view` itself when nothing is new. Costs what the changes cost, not what the view holds: log rows
 * that follow are appended to the one store, and `logs` of an older view must be read up to its `logCount`.
 * Only the newest view of a fold may be folded further, or read once a row has come late.
 */
export function applyChanges(view: RunView, changes: readonly RunChange[]): RunView {
  let { run, seq } = view;
  let steps: Map<string, StepRow> | undefined;
  let commands: Map<string, CommandRow> | undefined;
  const logRows: LogRow[] = [];

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
        logRows.push(change.row);
        break;
    }
  }

  const fresh = view.logs.append(logRows);
  if (run === view.run && steps === undefined && commands === undefined && fresh === 0) return view;
  return {
    run,
    steps: steps === undefined ? view.steps : nest([...steps.values()]),
    logs: view.logs,
    logCount: fresh === 0 ? view.logCount : view.logs.length,
    commands: commands === undefined ? view.commands : [...commands.values()].toSorted(byCreation),
    seq,
    index: { steps: steps ?? view.index.steps, commands: commands ?? view.index.commands },
  };
}

/** The view with lines that are kept somewhere else, which have grown since or are others. */
export function withLines(view: RunView, logs: LogLines): RunView {
  if (view.logs === logs && view.logCount === logs.length) return view;
  const last = logs.length > logs.first ? logs.seqAt(logs.length - 1) : 0;
  return { ...view, logs, logCount: logs.length, seq: Math.max(view.seq, last) };
}

/** Every step of a view with its sub-steps after it, as a list on a screen. */
export function flattenViews(steps: readonly StepView[]): readonly StepView[] {
  return steps.flatMap((step) => [step, ...flattenViews(step.steps)]);
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

function byCreation(a: CommandRow, b: CommandRow): number {
  return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.seq - b.seq;
}
