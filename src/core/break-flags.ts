import type { BreakpointDraft } from './breakpoint-draft.ts';
import { parseLevel } from './levels.ts';
import { flattenSteps, resolveStep } from './step-reference.ts';
import { UserError } from '../protocol/error.ts';
import type { PipelineRow } from '../protocol/rows.ts';

/** How a breakpoint is said on a command line. */
export interface BreakFlags {
  readonly on?: string | undefined;
  readonly after?: boolean | undefined;
  readonly if?: string | undefined;
  readonly hits?: string | undefined;
  readonly log?: string | undefined;
  readonly approve?: boolean | undefined;
}

/** The breakpoint that flags and a step describe. Throws `usage`. */
export function draftOf(pipeline: PipelineRow, step: string | undefined, flags: BreakFlags): BreakpointDraft {
  for (const name of ['if', 'hits', 'log'] as const) {
    if (flags[name]?.trim() === '') throw new UserError('usage', `--${name} is empty`, { hint: `Leave --${name} out, or say what it is` });
  }
  const isError = step === 'error';
  if (isError && flags.on !== undefined) throw new UserError('usage', '`error` and --on exclude each other');
  return {
    pipelineKey: pipeline.pipeline_key,
    ...kindOf(isError ? 'error' : flags.on),
    // A pattern may mean steps that are still to come; a name must be that of a step.
    target: step === undefined || isError ? null : step.includes('*') ? step : resolveStep(step, flattenSteps(pipeline.step_tree)).key,
    moment: flags.after === true ? 'after' : 'before',
    condition: flags.if,
    hitCondition: flags.hits,
    logMessage: flags.log,
    needsApproval: flags.approve,
  };
}

function kindOf(on: string | undefined): Pick<BreakpointDraft, 'kind' | 'level' | 'path' | 'threshold'> {
  if (on === undefined) return { kind: 'step' };
  const [kind, ...rest] = on.split(':');
  const value = rest.join(':');
  switch (kind) {
    case 'error':
      return { kind };
    case 'level': {
      const level = parseLevel(value === '' ? 'error' : value);
      if (level === undefined) throw new UserError('usage', `"${value}" is not a level`, { hint: 'Levels are debug, info, warn, error, critical' });
      return { kind, level };
    }
    case 'slow':
      return { kind, threshold: value === '' ? null : milliseconds(value) };
    case 'cost':
      return { kind, threshold: value === '' ? null : Number(value) };
    case 'path':
      return { kind, path: value };
    default:
      throw new UserError('usage', `runs cannot stop on "${on}"`, { hint: 'There are error, level:warn, slow, slow:500ms, cost:5 and path:/image' });
  }
}

function milliseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (match === null) throw new UserError('usage', `"${text}" is not a duration`, { hint: 'Write 250ms, 1.5s or 2m' });
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000 }[(match[2] ?? 'ms') as 'ms' | 's' | 'm'];
}
