import type { Command } from 'commander';
import { applyPatch, pointer, valueAt } from '../../core/json-diff.ts';
import { checkSchema, describeProblems } from '../../core/json-schema.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { refuseUnknownNames } from '../../core/unknown-names.ts';
import type { Json, JsonObject, PatchOperation } from '../../protocol/json.ts';
import { RunRequest } from '../../protocol/run-request.ts';
import { UserError } from '../../protocol/error.ts';
import { propertyOf, splitAssignment, typedValue } from '../assignments.ts';
import { withBackend } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import { watchRun } from '../watch-run.ts';
import { stepNamed } from './show.ts';

interface Flags {
  readonly from: string;
  readonly set?: readonly string[];
  readonly repeatEffects?: boolean;
}

export function addForkCommand(program: Command): void {
  const command = program
    .command('fork')
    .summary('Runs again from a step, with its inputs changed.')
    .description('Makes a new run that reuses the results before a step and runs on from it. The old run stays as it is.')
    .argument('<run>', 'id, its last characters, or "last"')
    .requiredOption('-s, --from <step>', 'the step to run on from: 8e, a key or a name')
    .option('--set <path=value>', 'change an input of that step, as width=640 or options.size=2', collect)
    .option('--repeat-effects', 'let external effects happen again');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const status = await withBackend(settings, io, { runner: true }, async ({ backend, place }) => {
      const parent = await backend.run(args[0]!);
      if (parent.pipeline_key === null) throw new UserError('usage', 'this run was only traced: no pipeline can run it again');
      const step = stepNamed(flags.from, parent, await backend.steps(parent.test_run_id));
      const snapshot = step.row && (await backend.snapshot(parent.test_run_id, step.key, step.row.attempt));
      const inputs = snapshot?.inputs ?? {};
      const schema = flattenSteps(parent.step_tree ?? []).find((one) => one.key === step.key)?.inputSchema;
      const patch = readPatch(flags.set ?? [], inputs, schema);
      if (snapshot) checkEdit(step.display, inputs, applyPatch(inputs, patch), schema);
      const run = await backend.startRun(
        RunRequest.parse({
          pipeline: parent.pipeline_key,
          inputs: parent.inputs,
          model: parent.model_record_id ?? undefined,
          billing: parent.billing,
          onLeaseEnd: parent.on_lease_end,
          tags: parent.tags,
          options: { ...(parent.execution_data['options'] as JsonObject | undefined), breakAt: [], repeatEffects: flags.repeatEffects ?? false },
          fork: { parentRunId: parent.test_run_id, step: step.key, patch },
        }),
      );
      if (!io.json) io.err(`Fork of ${parent.test_run_id} from ${step.display} ${step.name}, run ${run.test_run_id}`);
      return await watchRun(backend, run, { isOurs: place === 'hosted', io });
    });
    if (status !== 0) throw new Ended(status);
  });
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
