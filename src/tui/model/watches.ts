import { snapshotScope } from '../../core/break-scope.ts';
import { watchValues, type WatchValue } from '../../core/watch.ts';
import type { StepSnapshot } from '../../client/backend.ts';
import type { WatchRow } from '../../protocol/debug-rows.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import { clip, span, wrapLine, type Line, type Span } from '../output/line.ts';
import type { State } from '../state.ts';

/** A value longer than this is cut where it is watched. */
const MAX_VALUE = 300;

/** The watches of a pipeline, by number. */
export function watchesOf(state: State, pipelineKey: string | null): readonly WatchRow[] {
  return state.lists.watches.filter((one) => one.pipeline_key === pipelineKey).toSorted((a, b) => a.number - b.number);
}

/** The watches of a pipeline with their values at a step. */
export function watchLines(watches: readonly WatchRow[], snapshot: StepSnapshot | undefined, step: StepRow | undefined, run: RunRow | undefined, columns: number): readonly (readonly Line[])[] {
  const values = watchValues(watches.map((one) => one.expression), snapshotScope(snapshot, step as unknown as JsonObject | undefined, run as unknown as JsonObject | undefined));
  return watches.map((watch, index) => wrapLine([span(`  ${String(watch.number).padStart(2)} `, 'muted'), span(watch.expression, 'jsonKey'), ...outcomeSpans(values[index]!.outcome)], columns, '       '));
}

/** A value, or why there is none. */
export function outcomeSpans(outcome: WatchValue['outcome']): readonly Span[] {
  switch (outcome.kind) {
    case 'value':
      return [span(' = ', 'muted'), span(clip(JSON.stringify(outcome.value), MAX_VALUE), 'string')];
    case 'none':
      return [span(`  ${outcome.why}`, 'muted')];
    case 'stopped':
    case 'refused':
      return [span(`  ${outcome.why}`, 'warn')];
  }
}
