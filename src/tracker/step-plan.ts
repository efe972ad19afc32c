import { UserError } from '../protocol/error.ts';
import { didYouMean } from '../core/closest.ts';
import type { ExecutionStep, StepConfig } from './flow.ts';
import { contextOf } from './flow.ts';
import type { OpenStep } from './recorder.ts';
import type { StepSpec } from './step-spec.ts';

interface Planned {
  readonly open: OpenStep;
  readonly parentId: string | null;
  /** The program's own values; the recorder has stored what may leave. */
  values: { inputs?: unknown; outputs?: unknown; stateBefore?: unknown; stateAfter?: unknown; metadata?: unknown };
}

/** The steps of a program that declares them as it goes: their places, keys and numbers. */
export interface StepPlan {
  readonly place: (config: StepConfig, parent: OpenStep | undefined) => StepSpec;
  readonly add: (open: OpenStep, config: StepConfig) => void;
  readonly change: (id: string, values: Planned['values']) => void;
  /** Throws `not-found`. */
  readonly get: (id: string) => OpenStep;
  readonly byNumber: (number: number) => OpenStep | undefined;
  /** The display of a step named by number, display, key or id; what is not known yet stays as it is. */
  readonly target: (reference: string) => string;
  readonly view: (id: string) => ExecutionStep;
  /** In the order in which they were added, sub-steps after their step. */
  readonly views: () => readonly ExecutionStep[];
  readonly mainCount: () => number;
}

/** `maskText` is applied to names before keys are made of them. */
export function createStepPlan(maskText: (text: string) => string): StepPlan {
  const steps = new Map<string, Planned>();
  const keys = new Set<string>();
  let mainCount = 0;
  const childCounts = new Map<string, number>();

  const get = (id: string): OpenStep => {
    const step = steps.get(id);
    if (step === undefined)
      throw new UserError('not-found', `no step "${id}" in this run`, {
        hint: didYouMean(
          id,
          [...steps.values()].map((one) => one.open.spec.display),
        ),
      });
    return step.open;
  };

  const uniqueKey = (name: string, parentKey: string | null): string => {
    const word =
      maskText(name)
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, '_')
        .replaceAll(/^_+|_+$/g, '')
        .slice(0, 60) || 'step';
    const base = parentKey === null ? word : `${parentKey}.${word}`;
    let key = base;
    for (let n = 2; keys.has(key); n++) key = `${base}_${n}`;
    keys.add(key);
    return key;
  };

  const view = (id: string): ExecutionStep => {
    const { open, parentId, values } = steps.get(id)!;
    const { row, spec } = open;
    return {
      id,
      key: spec.key,
      parentId,
      stepNumber: spec.number,
      display: spec.display,
      stepName: spec.name,
      description: spec.description,
      stepType: row.step_type,
      executionContext: spec.context,
      effect: spec.effect,
      functionPath: spec.filePath,
      functionName: spec.functionName,
      status: row.status,
      inputs: open.isEdited ? open.inputs : values.inputs,
      outputs: values.outputs,
      stateBefore: values.stateBefore,
      stateAfter: values.stateAfter,
      metadata: values.metadata,
      error: row.error_message ?? undefined,
      errorStack: row.error_stack ?? undefined,
      isEdited: open.isEdited,
      canEdit: spec.canEdit,
      canRerun: spec.canRerun,
      startedAt: row.started_at,
      completedAt: row.completed_at,
      durationMs: row.duration_ms,
    };
  };

  return {
    place: (config, parent) => {
      const lastMain = [...steps.values()].findLast((one) => one.open.spec.depth === 0)?.open;
      const over = parent ?? (config.stepType === 'sub' ? lastMain : undefined);
      const parentKey = over?.spec.key ?? null;
      const place = over === undefined ? ++mainCount : (childCounts.get(over.id) ?? 0) + 1;
      if (over !== undefined) childCounts.set(over.id, place);
      return {
        key: uniqueKey(config.stepName, parentKey),
        parentKey,
        // A third level counts on: 8a.1, 8a.2.
        display:
          over === undefined
            ? String(place)
            : over.spec.depth === 0
              ? `${over.spec.display}${letters(place)}`
              : `${over.spec.display}.${place}`,
        number: over === undefined ? place : over.spec.number,
        name: config.stepName,
        depth: over === undefined ? 0 : over.spec.depth + 1,
        description: config.description,
        type: config.stepType ?? (over === undefined ? 'main' : 'sub'),
        context: contextOf(config.executionContext),
        effect: config.effect ?? 'none',
        functionName: config.functionName,
        filePath: config.functionPath,
        canEdit: config.canEdit ?? true,
        canRerun: config.canRerun ?? true,
        source: config.sourceCode === undefined ? undefined : { code: config.sourceCode },
      };
    },
    add: (open, config) => {
      const parentId = [...steps].find(([, one]) => one.open.spec.key === open.spec.parentKey)?.[0] ?? null;
      steps.set(open.id, { open, parentId, values: { inputs: config.inputs } });
    },
    change: (id, values) => {
      get(id);
      const step = steps.get(id)!;
      step.values = { ...step.values, ...values };
    },
    get,
    byNumber: (number) => [...steps.values()].find((one) => one.open.spec.depth === 0 && one.open.spec.number === number)?.open,
    target: (reference) =>
      [...steps.values()].find(({ open: { id, spec } }) => reference === id || reference === spec.key || reference === spec.display)?.open
        .spec.display ?? reference,
    view,
    views: () => [...steps.keys()].map(view),
    mainCount: () => mainCount,
  };
}

/** 1 is `a`, 26 `z`, 27 `aa`. */
function letters(place: number): string {
  const rest = (place - 1) % 26;
  const head = Math.floor((place - 1) / 26);
  return (head > 0 ? letters(head) : '') + String.fromCharCode(97 + rest);
}
