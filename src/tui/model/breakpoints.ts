import { formatRelative } from '../../core/format.ts';
import { reasonWords } from '../../core/hold-reason.ts';
import type { BreakpointRow } from '../../protocol/rows.ts';
import type { State } from '../state.ts';

/** The breakpoints of a pipeline, by number. */
export function breakpointsOf(state: State, pipelineKey: string | null): readonly BreakpointRow[] {
  return state.lists.breakpoints.filter((one) => one.pipeline_key === pipelineKey).toSorted((a, b) => a.number - b.number);
}

/** Why a run is held, for a person: `stopped: breakpoint 3, outputs.width = 4096`. */
export function holdWords(reason: string | null): string {
  const words = reasonWords(reason ?? 'pause');
  if (words === 'pause') return 'paused';
  if (words === 'step') return 'stepping';
  // Where it stands is told beside it.
  return words.startsWith('breakpoint ') ? `stopped: ${words.replace(/^(breakpoint \d+) on \S+$/, '$1')}` : words;
}

/** How long it has been held by now, to follow who holds it. */
export function heldFor(since: string, now: number): string {
  const words = formatRelative(Date.parse(since), now);
  return words.endsWith(' ago') ? ` for ${words.replace(' ago', '')}` : `, ${words}`;
}
