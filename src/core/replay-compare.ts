import type { Json, JsonObject } from '../protocol/json.ts';
import type { StepStatus } from '../protocol/vocabulary.ts';
import { unmarked } from './exchange-match.ts';
import { diffJson } from './json-diff.ts';

/** A step as it was recorded, or as it went in a replay. */
export interface SeenStep {
  readonly status: StepStatus;
  readonly error: string | null;
  readonly inputs: JsonObject | null;
  readonly outputs: JsonObject | null;
  readonly stateBefore: JsonObject | null;
  readonly stateAfter: JsonObject | null;
}

/** One place in which a replay is not what was recorded. */
export interface StepDivergence {
  /** What of the step: its inputs, what it asked, whether it came at all. */
  readonly what: 'inputs' | 'outputs' | 'state' | 'status' | 'error' | 'request' | 'step' | 'run';
  /** JSON Pointer into it; for a request its method and address, then the pointer. */
  readonly path: string;
  /** Undefined where there was nothing. */
  readonly expected: Json | undefined;
  readonly actual: Json | undefined;
}

/** What a step begins with: its inputs, then the state before it. */
export function compareStart(recorded: SeenStep, today: SeenStep): readonly StepDivergence[] {
  return [...parts('inputs', recorded.inputs, today.inputs), ...parts('state', recorded.stateBefore, today.stateBefore)];
}

/** How a step ended: its status, then its error or its outputs, then the state after it. */
export function compareEnd(recorded: SeenStep, today: SeenStep): readonly StepDivergence[] {
  if (recorded.status !== today.status) {
    const actual = today.error === null ? today.status : `${today.status}: ${today.error}`;
    return [{ what: 'status', path: '', expected: recorded.error === null ? recorded.status : `${recorded.status}: ${recorded.error}`, actual }];
  }
  if (recorded.error !== today.error) return [{ what: 'error', path: '', expected: recorded.error, actual: today.error }];
  return [...parts('outputs', recorded.outputs, today.outputs), ...parts('state', recorded.stateAfter, today.stateAfter)];
}

/** Values from which something is missing in the recording are not compared with what there is. */
function parts(what: StepDivergence['what'], recorded: JsonObject | null, today: JsonObject | null): readonly StepDivergence[] {
  if (recorded === null || today === null) return [];
  return diffJson(unmarked(recorded), unmarked(today))
    .filter(({ before }) => !isLost(before))
    .map(({ path, before, after }) => ({ what, path, expected: before, actual: after }));
}

function isLost(value: Json | undefined): boolean {
  return value !== undefined && value !== null && typeof value === 'object' && '$truncated' in value;
}
