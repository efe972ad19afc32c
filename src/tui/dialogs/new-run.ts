import { plural } from '../../core/format.ts';
import { checkSchema, withDefaults } from '../../core/json-schema.ts';
import { behaviours } from '../../core/simulator-behaviour.ts';
import { formatTyped, parseTyped } from './typed-value.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ModelRow } from '../../protocol/account-rows.ts';
import type { PipelineRow } from '../../protocol/rows.ts';
import { RunOptions, RunRequest } from '../../protocol/run-request.ts';
import type { Field, NewRun } from '../overlay.ts';
import type { State } from '../state.ts';
import { choiceField, textField, valueOf } from './form.ts';

/** The form before a run: pipeline, model, how to start, and a field for each input of the schema. */
export function newRunForm(state: State, pipeline: PipelineRow, kept: readonly Field[] = []): NewRun {
  const choices = modelsFor(state, pipeline);
  const keptModel = valueOf(kept, '$model');
  const model = choices.find((one) => one.model_name === keptModel) ?? choices[0];
  const billing = valueOf(kept, '$billing') || 'test';
  const own: Field[] = [
    choiceField('$pipeline', 'Pipeline', pipeline.pipeline_key, state.lists.pipelines.map((one) => one.pipeline_key), pipeline.title),
    ...providerFields(pipeline, kept),
    ...(model ? [choiceField('$model', 'Model', model.model_name, choices.map((one) => one.model_name), describeModel(model))] : []),
    choiceField('$mode', 'Start', valueOf(kept, '$mode') || 'run', ['run', 'step by step'], 'step by step holds before the first step'),
    choiceField('$billing', 'Billing', billing, ['test', 'enforced'], describeBilling(billing, model)),
  ];
  return { type: 'newRun', pipeline, model, fields: [...own, ...inputFields(pipeline)], cursor: own.length, problem: undefined };
}

/** The form after a choice that other fields depend on. */
export function refreshNewRun(state: State, form: NewRun): NewRun {
  const pipeline = state.lists.pipelines.find((one) => one.pipeline_key === valueOf(form.fields, '$pipeline')) ?? form.pipeline;
  if (pipeline.pipeline_key === form.pipeline.pipeline_key) {
    const model = modelsFor(state, pipeline).find((one) => one.model_name === valueOf(form.fields, '$model'));
    const fields = form.fields.map((field) => {
      if (field.name === '$billing') return { ...field, hint: describeBilling(field.value, model) };
      return field.name === '$model' && model ? { ...field, hint: describeModel(model) } : field;
    });
    return { ...form, model, fields: withProviderFields(pipeline, fields) };
  }
  return { ...newRunForm(state, pipeline, form.fields), cursor: form.cursor };
}

/** The request the form asks for, or the form with what is wrong beside the fields. */
export function requestOf(form: NewRun): { readonly request: RunRequest } | { readonly form: NewRun } {
  const schema = form.pipeline.inputs_schema;
  const inputs: Record<string, JsonObject[string]> = {};
  for (const field of form.fields) {
    if (field.name.startsWith('$') || field.value.trim() === '') continue;
    inputs[field.name] = parseTyped(field.value, propertyOf(schema, field.name));
  }
  const problems = checkSchema(withDefaults(inputs, schema), schema);
  if (problems.length > 0) {
    const fields = form.fields.map((field) => ({ ...field, problem: problems.find((one) => one.path.split(/[.[]/)[0] === field.name)?.reason }));
    const elsewhere = problems.find((one) => !fields.some((field) => field.problem === one.reason));
    const first = fields.findIndex((field) => field.problem !== undefined);
    return { form: { ...form, fields, cursor: first === -1 ? form.cursor : first, problem: elsewhere ? `${elsewhere.path} ${elsewhere.reason}` : undefined } };
  }
  return {
    request: RunRequest.parse({
      pipeline: form.pipeline.pipeline_key,
      inputs,
      ...(form.model ? { model: form.model.model_record_id } : {}),
      mode: valueOf(form.fields, '$mode') === 'run' ? 'auto' : 'step',
      billing: valueOf(form.fields, '$billing'),
      options: { provider: valueOf(form.fields, '$provider') || undefined, simulate: valueOf(form.fields, '$simulate') || undefined },
    }),
  };
}

/** Who answers, for pipelines that ask a model, and how the simulator behaves while it is the one: failures are tried here. */
function providerFields(pipeline: PipelineRow, kept: readonly Field[]): readonly Field[] {
  if (pipeline.models.length === 0) return [];
  const provider = valueOf(kept, '$provider') || 'simulator';
  const simulate = valueOf(kept, '$simulate') || 'ok';
  return [
    choiceField('$provider', 'Provider', provider, RunOptions.shape.provider.unwrap().options, provider === 'simulator' ? 'bundled, and costs nothing' : 'replicate.com, with its own price'),
    ...(provider === 'simulator' ? [choiceField('$simulate', 'Simulate', simulate, Object.keys(behaviours), behaviours[simulate as keyof typeof behaviours])] : []),
  ];
}

/** The fields with those of the provider made anew; they stand after the pipeline. */
function withProviderFields(pipeline: PipelineRow, fields: readonly Field[]): readonly Field[] {
  const [first, ...others] = fields;
  if (!first) return fields;
  return [first, ...providerFields(pipeline, fields), ...others.filter((field) => field.name !== '$provider' && field.name !== '$simulate')];
}

/** A run of a pipeline as it comes: example inputs, its most usual model, test mode. */
export function defaultRequest(pipeline: PipelineRow): RunRequest {
  return RunRequest.parse({ pipeline: pipeline.pipeline_key, inputs: pipeline.example_inputs, ...(pipeline.models[0] ? { model: pipeline.models[0] } : {}) });
}

/** Models the pipeline can run, its most usual first; all of them, active or not. */
function modelsFor(state: State, pipeline: PipelineRow): readonly ModelRow[] {
  return pipeline.models.flatMap((id) => state.lists.models.filter((model) => model.model_record_id === id));
}

function describeModel(model: ModelRow): string {
  return `${model.model_provider}, ${model.model_content_type}, ${plural(model.cost_credits, 'credit')}${model.is_active ? '' : ', inactive'}`;
}

function describeBilling(billing: string, model: ModelRow | undefined): string {
  if (billing === 'test') return 'test: nothing is charged';
  return model ? `enforced: charges ${plural(model.cost_credits, 'credit')} per output` : "enforced: charges the model's price";
}

function inputFields(pipeline: PipelineRow): readonly Field[] {
  const properties = pipeline.inputs_schema['properties'];
  const required = pipeline.inputs_schema['required'];
  const names = properties !== null && typeof properties === 'object' && !Array.isArray(properties) ? Object.keys(properties) : Object.keys(pipeline.example_inputs);
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name);
  // What must be given comes first.
  return names.toSorted((a, b) => Number(isRequired(b)) - Number(isRequired(a))).map((name) => {
    const property = propertyOf(pipeline.inputs_schema, name);
    const value = pipeline.example_inputs[name] ?? property['default'];
    const text = value === undefined ? '' : formatTyped(value);
    const options = property['enum'];
    const hint = [isRequired(name) ? 'required' : 'optional', typeof property['description'] === 'string' ? property['description'] : undefined].filter((one) => one !== undefined).join(', ');
    return Array.isArray(options) && options.every((one) => typeof one === 'string') ? choiceField(name, name, text || options[0]!, options, hint) : textField(name, name, text, hint);
  });
}

function propertyOf(schema: JsonObject, name: string): JsonObject {
  const properties = schema['properties'];
  if (properties === null || typeof properties !== 'object' || Array.isArray(properties)) return {};
  const property = (properties as JsonObject)[name];
  return property !== null && typeof property === 'object' && !Array.isArray(property) ? (property as JsonObject) : {};
}
