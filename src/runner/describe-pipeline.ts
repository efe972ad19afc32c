import { flattenSteps } from '../core/step-reference.ts';
import { UserError } from '../protocol/error.ts';
import type { PipelineRow } from '../protocol/rows.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import { inputsSchema } from './define-pipeline.ts';
import type { Pipeline, Step } from './pipeline.ts';
import type { StepSource } from './step-source.ts';

/** A step with its place in the tree and its source, ready to run. */
export interface PlacedStep {
  readonly step: Step;
  readonly definition: StepDefinition;
  readonly source: StepSource | undefined;
  readonly steps: readonly PlacedStep[];
}

/**
 * The steps of a pipeline with their keys from the root, the numbers people see, and their sources.
 *
 * Throws `usage` when two steps would be shown by the same number: people could name neither.
 */
export function placeSteps(pipeline: Pipeline, sourceOf: (step: Step) => StepSource | undefined): readonly PlacedStep[] {
  const placed = pipeline.steps.map((step, index) => place(step, step.key, step.display ?? String(index + 1), index + 1, sourceOf));
  const shown = new Map<string, string>();
  for (const { key, display } of flattenSteps(placed.map((one) => one.definition))) {
    const other = shown.get(display);
    if (other !== undefined) throw new UserError('usage', `pipeline ${pipeline.key}: ${other} and ${key} are both shown as ${display}`, { hint: 'Give one of them another `display`' });
    shown.set(display, key);
  }
  return placed;
}

function place(step: Step, key: string, display: string, number: number, sourceOf: (step: Step) => StepSource | undefined): PlacedStep {
  const source = sourceOf(step);
  const steps = step.steps.map((inner, index) => place(inner, `${key}.${inner.key}`, inner.display ?? display + letters(index), number, sourceOf));
  const definition: StepDefinition = {
    key,
    display,
    number,
    name: step.name,
    description: step.description,
    effect: step.effect,
    context: step.context,
    functionName: source?.functionName,
    filePath: source?.filePath,
    inputSchema: step.schema && inputsSchema(step.schema),
    timeoutMs: step.timeoutMs,
    canEdit: step.canEdit,
    canRerun: step.canRerun,
    approval: step.approval,
    ...(step.aliases.length > 0 && { aliases: step.aliases }),
    steps: steps.map((inner) => inner.definition),
  };
  return { step, definition, source, steps };
}

/** a … z, aa, ab … */
function letters(index: number): string {
  const last = String.fromCodePoint(97 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}

/** What a runner registers of a pipeline. */
export function describePipeline(pipeline: Pipeline, steps: readonly PlacedStep[], filePath: string | null): Omit<PipelineRow, 'created_at' | 'updated_at'> {
  return {
    pipeline_key: pipeline.key,
    version: pipeline.version,
    title: pipeline.title,
    description: pipeline.description ?? null,
    step_tree: steps.map((one) => one.definition),
    inputs_schema: inputsSchema(pipeline.inputs),
    example_inputs: pipeline.example,
    file_path: filePath,
    models: [...pipeline.models],
    resumable: pipeline.resumable,
  };
}
