import { Option } from 'commander';
import type { Command } from 'commander';
import { applyPatch, pointer, valueAt } from '../../core/json-diff.ts';
import { checkSchema, describeProblems } from '../../core/json-schema.ts';
import type { Backend } from '../../client/backend.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { refuseUnknownNames } from '../../core/unknown-names.ts';
import type { Json, JsonObject, PatchOperation } from '../../protocol/json.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { ForkEffects, RunRequest } from '../../protocol/run-request.ts';
import { errorCodes, UserError } from '../../protocol/error.ts';
import { propertyOf, splitAssignment, typedValue } from '../assignments.ts';
import { withBackend } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import { readPatchFile } from '../patch-file.ts';
import { forkPreviewLines } from '../print/fork-preview.ts';
import { watchRun } from '../watch-run.ts';
import { stepNamed } from './show.ts';

interface Flags {
  readonly from: string;
  readonly set?: readonly string[];
  readonly patch?: string;
  readonly effects?: ForkEffects;
  readonly repeatEffects?: boolean;
  readonly preview?: boolean;
}

export function addForkCommand(program: Command): void {
  const command = program
    .command('fork')
    .summary('Runs again from a step, with its inputs changed.')
    .description('Makes a new run that reuses the results before a step and runs on from it. The old run stays as it is.')
    .argument('<run>', 'id, its last characters, or "last"')
    .requiredOption('-s, --from <step>', 'the step to run on from: 8e, a key or a name')
    .option('--set <path=value>', 'change an input of that step, as width=640 or options.size=2', collect)
    .option('--patch <@file>', 'change the inputs of that step by a JSON Patch (RFC 6902) in a file, or - for standard input')
    .addOption(new Option('--effects <how>', 'what the parent run did to the outside world: refuse (ask), do it again (repeat), or take the recorded answers in its place (recorded)').choices(ForkEffects.options))
    .option('--repeat-effects', 'the same as --effects repeat')
    .option('--preview', 'only say what would be reused, executed, charged and done again');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const fromFile = flags.patch === undefined ? [] : readPatchFile(flags.patch);
    const effects = flags.effects ?? (flags.repeatEffects === true ? 'repeat' : 'ask');
    const status = await withBackend(settings, io, { runner: flags.preview !== true }, async ({ backend, place }) => {
      const parent = await backend.run(args[0]!);
      if (parent.pipeline_key === null) throw new UserError('usage', 'this run was only traced: no pipeline can run it again');
      const step = stepNamed(flags.from, parent, await backend.steps(parent.test_run_id));
      const snapshot = step.row && (await backend.snapshot(parent.test_run_id, step.key, step.row.attempt));
      const inputs = snapshot?.inputs ?? {};
      const schema = flattenSteps(parent.step_tree ?? []).find((one) => one.key === step.key)?.inputSchema;
      const isEdited = fromFile.length > 0 || (flags.set ?? []).length > 0;
      if (isEdited && !snapshot?.inputs) throw await nothingToEdit(backend, parent, step);
      const patch = [...fromFile, ...readPatch(flags.set ?? [], objectOnly(applyPatch(inputs, fromFile)), schema)];
      objectOnly(applyPatch(inputs, patch));
      if (snapshot) checkEdit(step.display, inputs, applyPatch(inputs, patch), schema);
      if (flags.preview === true) {
        const { preview } = await backend.previewFork(parent.test_run_id, step.key);
        const model = parent.model_record_id === null ? undefined : (await backend.models()).find((one) => one.model_record_id === parent.model_record_id);
        if (io.json) io.out(JSON.stringify({ ...preview, patch, billing: parent.billing, modelCredits: model?.cost_credits ?? null }));
        else forkPreviewLines({ parent, preview, patch, model, effects }, io).forEach((line) => io.out(line));
        return preview.obstacle === undefined ? 0 : errorCodes.usage.exit;
      }
      const run = await backend.startRun(
        RunRequest.parse({
          pipeline: parent.pipeline_key,
          inputs: parent.inputs,
          model: parent.model_record_id ?? undefined,
          billing: parent.billing,
          onLeaseEnd: parent.on_lease_end,
          tags: parent.tags,
          options: { ...(parent.execution_data['options'] as JsonObject | undefined), breakAt: [], repeatEffects: effects === 'repeat', effects },
          fork: { parentRunId: parent.test_run_id, step: step.key, patch },
        }),
      );
      if (!io.json) io.err(`Fork of ${parent.test_run_id} from ${step.display} ${step.name}, run ${run.test_run_id}`);
      return await watchRun(backend, run, { isOurs: place === 'hosted', io });
    });
    if (status !== 0) throw new Ended(status);
  });
}

/** An edit changes what was recorded: without that, nobody knows whether it fits. */
async function nothingToEdit(backend: Backend, parent: RunRow, { key, display, name }: { readonly key: string; readonly display: string; readonly name: string }): Promise<UserError> {
  const { facts } = await backend.previewFork(parent.test_run_id, key);
  const recorded = new Set(facts.steps.filter(({ has_inputs }) => has_inputs).map(({ step_key }) => step_key));
  const all = flattenSteps(parent.step_tree ?? []);
  const nearest = all.slice(0, Math.max(0, all.findIndex((one) => one.key === key))).findLast((one) => recorded.has(one.key));
  return new UserError('usage', `step ${display} ${name} has no recorded inputs to change`, {
    hint: nearest === undefined ? 'No step before it has any either: fork without an edit, or run the pipeline with other inputs' : `The nearest earlier step that has them is ${nearest.display} ${nearest.name}`,
  });
}

function objectOnly(edited: Json | undefined): JsonObject {
  if (edited === null || typeof edited !== 'object' || Array.isArray(edited)) throw new UserError('usage', 'the inputs of a step must be an object, which the edit does not leave');
  return edited as JsonObject;
}

/** Says before anything runs what the runner would refuse, and which name it would leave out. */
function checkEdit(display: string, recorded: Json, edited: Json, schema: JsonObject | undefined): void {
  if (schema === undefined) return;
  refuseUnknownNames(edited, schema, { of: `step ${display}`, before: recorded });
  const problems = checkSchema(edited, schema);
  if (problems.length > 0) throw new UserError('usage', `the inputs do not fit step ${display}: ${describeProblems(problems)}`);
}

/** `--set path=value` as a JSON Patch on a step's inputs. A value takes the type its schema or the old value has. */
function readPatch(given: readonly string[], inputs: JsonObject, schema: JsonObject | undefined): PatchOperation[] {
  return given.map((one) => {
    const { path, text } = splitAssignment(one, '--set');
    const at = path.startsWith('/') ? path : pointer(path.split('.'));
    const old = valueAt(inputs, at);
    const type = propertyOf(schema, path) ?? (typeof old === 'string' ? { type: 'string' } : undefined);
    return { op: old === undefined ? 'add' : 'replace', path: at, value: typedValue(text, type) };
  });
}
