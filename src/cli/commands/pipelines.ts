import type { Command } from 'commander';
import { printable } from '../../core/format.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { PipelineRow } from '../../protocol/rows.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { tableLines } from '../print/table.ts';
import { assertRole } from '../role.ts';
import { findPipeline } from './run.ts';

/** What there is to run, and what it takes. */
export function addPipelinesCommand(program: Command): void {
  const command = program
    .command('pipelines')
    .summary('Lists pipelines, or the inputs and steps of one.')
    .description('Lists the pipelines that can be run. With a key: its inputs with type, range, default and example, its models and its steps.')
    .argument('[pipeline]', 'key of a pipeline');
  onCall(command, async ({ args, settings, io }) => {
    await withBackend(settings, io, { runner: true }, async ({ backend }) => {
      const chosen = args[0] === undefined ? await backend.pipelines() : [await findPipeline(args[0], backend)];
      if (chosen.length === 0) await assertRole(backend);
      if (io.json) chosen.forEach((one) => io.out(JSON.stringify(one)));
      else if (args[0] !== undefined) pipelineLines(chosen[0]!, io).forEach((line) => io.out(line));
      else tableLines(['KEY', 'TITLE', 'STEPS', 'MODELS'], chosen.map((one) => [one.pipeline_key, one.title, String(one.step_tree.length), one.models.join(' ')]), io).forEach((line) => io.out(line));
    });
  });
}

function pipelineLines(pipeline: PipelineRow, io: Io): readonly string[] {
  const steps = flattenSteps(pipeline.step_tree);
  return [
    `${io.paint('strong', pipeline.pipeline_key)}  ${printable(pipeline.description ?? pipeline.title)}`,
    ...(pipeline.models.length === 0 ? [] : [`models  ${pipeline.models.join(' ')}`]),
    '',
    ...tableLines(['INPUT', 'TAKES', 'MEANING, EXAMPLE'], inputsOf(pipeline), io),
    '',
    ...tableLines(['STEP', 'NAME', 'KEY', 'EFFECT'], steps.map((step) => [step.display, `${step.key.includes('.') ? '  ' : ''}${step.name}`, step.key, step.effect === 'none' ? '' : step.effect]), io),
  ];
}

function inputsOf({ inputs_schema, example_inputs }: PipelineRow): readonly (readonly string[])[] {
  const properties = Object.entries((inputs_schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>);
  const required = new Set(inputs_schema['required'] as readonly string[] | undefined);
  const isRequired = ([name, schema]: (typeof properties)[number]): boolean => required.has(name) && schema['default'] === undefined;
  return properties
    .toSorted((a, b) => Number(isRequired(b)) - Number(isRequired(a)))
    .map(([name, schema]) => [
      name,
      `${takes(schema)}${isRequired([name, schema]) ? ', required' : ''}`,
      [text(schema['description']), text(example_inputs[name])].filter(Boolean).join(', as: '),
    ]);
}

/** `integer, 64 to 2048, multiple of 8, default 512` */
function takes(schema: JsonObject): string {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, multipleOf, anyOf } = schema;
  const choices = schema['enum'] ?? (schema['const'] === undefined ? undefined : [schema['const']]);
  const isWhole = (bound: Json | undefined): boolean => bound !== undefined && Math.abs(Number(bound)) === Number.MAX_SAFE_INTEGER;
  const from = isWhole(minimum) ? undefined : (minimum ?? exclusiveMinimum);
  const to = isWhole(maximum) ? undefined : (maximum ?? exclusiveMaximum);
  return [
    Array.isArray(choices) ? choices.map(text).join(' | ') : Array.isArray(anyOf) ? anyOf.map((one) => takes(one as JsonObject)).join(' or ') : Array.isArray(type) ? type.join(' or ') : text(type ?? 'anything'),
    range(from, to, ''),
    range(minLength === 1 ? undefined : minLength, maxLength, ' characters'),
    multipleOf === undefined ? '' : `a multiple of ${text(multipleOf)}`,
    schema['default'] === undefined ? '' : `default ${text(schema['default'])}`,
  ].filter(Boolean).join(', ');
}

function range(from: Json | undefined, to: Json | undefined, of: string): string {
  if (from !== undefined && to !== undefined) return `${text(from)} to ${text(to)}${of}`;
  if (from !== undefined) return `at least ${text(from)}${of}`;
  return to === undefined ? '' : `at most ${text(to)}${of}`;
}

function text(value: Json | undefined): string {
  return value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}
