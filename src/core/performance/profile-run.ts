import type { ExchangeRow } from '../../protocol/debug-rows.ts';
import type { LogRow, RunRow, StepRow } from '../../protocol/rows.ts';
import { workTimeOf } from '../work-time.ts';
import { covered, within } from './intervals.ts';
import type { Interval } from './intervals.ts';
import { heldBelow } from './own-time.ts';
import type { RunProfile, StepProfile } from './performance.ts';

/** Clocks of two machines, and rounding to milliseconds, make a step seem to end after the one around it. */
const CLOCK_SLACK_MS = 2;

/** Of an exchange and a log row, what says who waited for whom how long. */
export type TimedExchange = Pick<ExchangeRow, 'kind' | 'step_key' | 'started_at' | 'duration_ms'>;
export type TimedLog = Pick<LogRow, 'execution_context' | 'step_key' | 'timestamp' | 'duration_ms'>;

/** One step with all its attempts. */
interface Node {
  readonly key: string;
  readonly row: StepRow;
  readonly spans: readonly Interval[];
  readonly attempts: readonly StepRow[];
  readonly children: readonly Node[];
  readonly depth: number;
}

/**
 * Where the time of a run went. Waiting for answers is known from the recorded exchanges, or, without them, from log
 * rows of the provider that say how long they took; without either it stays null. A step's own pauses nobody records.
 */
export function profileRun(
  run: RunRow,
  steps: readonly StepRow[],
  others: { readonly logs?: readonly TimedLog[] | undefined; readonly exchanges?: readonly TimedExchange[] | undefined } = {},
): RunProfile {
  const own = steps.filter((step) => step.status !== 'reused' && step.started_at !== null && step.duration_ms !== null);
  const roots = nest(own);
  const held = heldBelow(own);
  const waits = waitsByStep(others.exchanges ?? [], others.logs ?? []);
  const all = flatten(roots);
  const criticalPath = criticalKeys(roots, Infinity);
  const critical = new Set(criticalPath);
  const isKnown = waits.size > 0 || others.exchanges !== undefined || others.logs !== undefined;
  const waitsOf = (node: Node): readonly Interval[] => [...(waits.get(node.key) ?? []), ...node.children.flatMap(waitsOf)];
  const time = workTimeOf(run, steps, Date.parse(run.updated_at));
  return {
    runId: run.test_run_id,
    totalMs: time?.workMs ?? null,
    queuedMs: run.started_at === null ? null : Math.max(0, Date.parse(run.started_at) - Date.parse(run.created_at)),
    heldMs: time?.heldMs ?? 0,
    providerMs: isKnown ? covered([...waits.values()].flat()) : null,
    steps: all.map((node) => profileOf(node, critical.has(node.key), isKnown ? waitsOf(node) : undefined, held.get(node.key) ?? 0)),
    criticalPath,
  };
}

function profileOf(node: Node, isCritical: boolean, waits: readonly Interval[] | undefined, heldInSubsteps: number): StepProfile {
  const lasted = sum(node.attempts, (row) => row.duration_ms);
  const durationMs = Math.max(0, lasted - heldInSubsteps);
  const inside = node.children.flatMap(({ spans }) => spans);
  // Sub-steps that were held made the step around them wait; that is nobody's work.
  const heldInside = sum(node.children.flatMap(({ attempts }) => attempts), (row) => row.held_ms);
  const inSubsteps = node.spans.reduce((all, span) => all + covered(within(inside, span)), 0);
  const providerMs = waits === undefined ? null : Math.min(durationMs, covered(node.spans.flatMap((span) => within(waits, span))));
  return {
    stepKey: node.key,
    display: node.row.display,
    name: node.row.step_name,
    depth: node.depth,
    durationMs,
    selfMs: Math.max(0, lasted - inSubsteps - heldInside),
    attempts: node.attempts.length,
    isCritical,
    cpuMs: node.attempts.every((row) => row.cpu_ms === null) ? null : sum(node.attempts, (row) => row.cpu_ms),
    memoryBytes: node.row.memory_bytes,
    providerMs,
    ownMs: providerMs === null ? null : durationMs - providerMs,
    heldMs: sum(node.attempts, (row) => row.held_ms),
  };
}

function sum(rows: readonly StepRow[], of: (row: StepRow) => number | null): number {
  return rows.reduce((all, row) => all + (of(row) ?? 0), 0);
}

function nest(rows: readonly StepRow[]): readonly Node[] {
  const attempts = Map.groupBy(rows, (row) => row.step_key);
  const parentOf = (row: StepRow): string | null => (row.parent_step_key !== row.step_key && attempts.has(row.parent_step_key ?? '') ? row.parent_step_key : null);
  const byParent = Map.groupBy(attempts.keys(), (key) => parentOf(attempts.get(key)![0]!));
  const build = (parent: string | null, depth: number): readonly Node[] =>
    (byParent.get(parent) ?? [])
      .map((key): Node => {
        const own = attempts.get(key)!.toSorted((a, b) => a.attempt - b.attempt);
        return { key, row: own.at(-1)!, attempts: own, spans: own.map(spanOf), children: build(key, depth + 1), depth };
      })
      .toSorted((a, b) => a.row.ordinal - b.row.ordinal || a.row.seq - b.row.seq);
  return build(null, 0);
}

function spanOf(row: StepRow): Interval {
  const from = Date.parse(row.started_at!);
  return { from, to: from + row.duration_ms! };
}

function flatten(nodes: readonly Node[]): readonly Node[] {
  return nodes.flatMap((node) => [node, ...flatten(node.children)]);
}

/** From the end: what ended last before it, what ended last before that began, and within each the same. */
function criticalKeys(siblings: readonly Node[], until: number): readonly string[] {
  const path: string[] = [];
  const ends = (node: Node): number => node.spans.at(-1)!.to;
  const left = siblings.toSorted((a, b) => ends(b) - ends(a));
  let now = until;
  for (const node of left) {
    if (ends(node) > now + CLOCK_SLACK_MS) continue;
    now = node.spans[0]!.from;
    path.unshift(node.key, ...criticalKeys(node.children, ends(node)));
  }
  return path;
}

/** Times of waiting for others by the key of the step that waited; the empty key is the run itself. */
export function waitsByStep(exchanges: readonly TimedExchange[], logs: readonly TimedLog[]): ReadonlyMap<string, readonly Interval[]> {
  const recorded = exchanges.flatMap(({ kind, step_key: key, started_at: from, duration_ms: ms }) =>
    (kind === 'provider' || kind === 'fetch') && from !== null && ms !== null ? [{ key: key ?? '', span: { from: Date.parse(from), to: Date.parse(from) + ms } }] : [],
  );
  // A row is written when what it tells of is over.
  const logged = logs.flatMap(({ execution_context: context, step_key: key, timestamp, duration_ms: ms }) =>
    context === 'provider' && ms !== null ? [{ key: key ?? '', span: { from: Date.parse(timestamp) - ms, to: Date.parse(timestamp) } }] : [],
  );
  const found = new Map<string, Interval[]>();
  for (const { key, span } of recorded.length > 0 ? recorded : logged) {
    const spans = found.get(key);
    if (spans === undefined) found.set(key, [span]);
    else spans.push(span);
  }
  return found;
}
