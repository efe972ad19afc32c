import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { didYouMean } from '../../core/closest.ts';
import { parseBehaviour } from '../../core/simulator-behaviour.ts';
import { flattenSteps, resolveStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { Backend } from '../../client/backend.ts';
import type { PipelineRow } from '../../protocol/rows.ts';
import { RunRequest } from '../../protocol/run-request.ts';
import { OnLeaseEnd } from '../../protocol/vocabulary.ts';
import { readInputs } from '../assignments.ts';
import { withBackend } from '../backend/with-backend.ts';
import type { Opened } from '../backend/with-backend.ts';
import { collect, onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import type { Io } from '../io.ts';
import type { Settings } from '../settings.ts';
import { assertRole } from '../role.ts';
import { watchRun } from '../watch-run.ts';

/** Flags of `run`, as commander hands them over. */
export interface RunFlags {
  readonly exchanges?: boolean;
  readonly input?: readonly string[];
  readonly model?: string;
  readonly mode?: 'auto' | 'step';
  readonly break?: readonly string[];
  readonly billing?: 'test' | 'enforced';
  readonly provider?: 'simulator' | 'replicate';
  readonly simulate?: string;
  readonly tag?: readonly string[];
  readonly onLeaseEnd?: OnLeaseEnd;
}

export function addRunCommand(program: Command): void {
  const command = program
    .command('run')
    .summary('Runs a pipeline and prints its steps as they end.')
    .description('Runs a pipeline by key, or every pipeline file by path, prints each step as it ends, and exits 0 when the run completes, 1 when it fails.')
    .argument('<pipeline>', 'key of a pipeline, or a .ts or .js file that defines one')
    .option('-i, --input <name=value>', 'an input; name=@file reads it from a file, @file reads all of them as JSON. Without any, the example inputs are taken; with some, the rest are left out', collect)
    .option('--model <name>', 'model to run it with')
    .addOption(new Option('--mode <mode>', 'run through, or hold before every step').choices(['auto', 'step']))
    .option('-b, --break <step>', 'hold before this step: 8e, a key or a name', collect)
    .addOption(new Option('--billing <mode>', 'test writes what would have been charged').choices(['test', 'enforced']))
    .addOption(new Option('--provider <name>', 'the bundled simulator, or replicate.com').choices(['simulator', 'replicate']))
    .option('--simulate <behaviour>', 'how the simulator behaves: fail, rate-limit, webhook-lost, latency=0, …')
    .addOption(new Option('--on-lease-end <what>', 'what becomes of it when the terminal that holds it is gone, or nobody has come to it for a day').choices(OnLeaseEnd.options))
    .option('--no-exchanges', 'do not record what the steps ask the outside world; the run cannot be replayed then')
    .option('--tag <tag>', 'a tag for the run', collect);
  onCall<RunFlags>(command, async ({ args, flags, settings, io }) => await runPipeline(args[0]!, flags, settings, io));
}

/** Runs one pipeline to its end. Throws {@link Ended} with the exit status of a run that did not complete. */
export async function runPipeline(reference: string, flags: RunFlags, settings: Settings, io: Io): Promise<void> {
  const file = isFile(reference) ? resolve(reference) : undefined;
  // Refused before a backend is started for it.
  parseBehaviour(flags.simulate);
  const status = await withBackend(settings, io, { runner: file === undefined }, async (opened) => {
    if (file === undefined) return await startAndWatch(reference, flags, opened, opened.place === 'hosted', io);
    return await withFileRunner(file, opened, io, (key) => startAndWatch(key, flags, opened, true, io));
  });
  if (status !== 0) throw new Ended(status);
}

function isFile(reference: string): boolean {
  if (!/\.[cm]?[jt]sx?$|[\\/]/.test(reference)) return false;
  if (existsSync(reference)) return true;
  throw new UserError('not-found', `no file ${resolve(reference)}`);
}

/** A runner of our own for the pipeline in a file, next to whatever runner the backend has. */
async function withFileRunner(file: string, opened: Opened, io: Io, work: (key: string) => Promise<number>): Promise<number> {
  const { hostRunner } = await import('../backend/host-runner.ts');
  const runner = hostRunner({ url: opened.url, secretKey: opened.secretKey, files: [file], bundled: false, onNotice: (text) => io.err(text) });
  try {
    const [key, ...others] = await runner.ready;
    if (key === undefined) throw new UserError('usage', `${file} defines no pipeline`);
    if (others.length > 0) {
      throw new UserError('usage', `${file} defines ${others.length + 1} pipelines: ${[key, ...others].join(', ')}`, {
        hint: 'Start `stepscope runner FILE` and run one of them by its key.',
      });
    }
    return await work(key);
  } finally {
    await runner.close();
  }
}

async function startAndWatch(reference: string, flags: RunFlags, { backend }: Opened, isOurs: boolean, io: Io): Promise<number> {
  const pipeline = await findPipeline(reference, backend);
  const steps = flattenSteps(pipeline.step_tree);
  const given = flags.input ?? [];
  const run = await backend.startRun(
    RunRequest.parse({
      pipeline: pipeline.pipeline_key,
      inputs: given.length === 0 ? pipeline.example_inputs : readInputs(given, pipeline.inputs_schema),
      model: flags.model,
      mode: flags.mode,
      billing: flags.billing,
      tags: flags.tag,
      onLeaseEnd: flags.onLeaseEnd,
      options: { provider: flags.provider, simulate: flags.simulate, ...(flags.exchanges === false && { recordExchanges: false }), breakAt: (flags.break ?? []).map((one) => resolveStep(one, steps).key) },
    }),
  );
  if (!io.json) io.err(`${pipeline.title}, run ${run.test_run_id}`);
  return await watchRun(backend, run, { isOurs, io });
}

/** The pipeline of a key; `not-found` with the closest keys, `forbidden` for who may not see any. */
export async function findPipeline(reference: string, backend: Backend): Promise<PipelineRow> {
  const pipelines = await backend.pipelines();
  const found = pipelines.find((one) => one.pipeline_key === reference);
  if (found !== undefined) return found;
  if (pipelines.length === 0) await assertRole(backend);
  const keys = pipelines.map((one) => one.pipeline_key);
  throw new UserError('not-found', `no pipeline "${reference}"`, {
    hint: didYouMean(reference, keys) ?? (keys.length === 0 ? 'No runner has registered one. Start `stepscope runner FILE`.' : `There are ${keys.join(', ')}.`),
  });
}

/** A pipeline by its key, or that of a run by the run's id, its last characters or `last`. */
export async function pipelineOrRun(reference: string, backend: Backend): Promise<PipelineRow> {
  try {
    return await findPipeline(reference, backend);
  } catch (error) {
    const run = error instanceof UserError && error.code === 'not-found' ? await backend.run(reference).catch(() => undefined) : undefined;
    if (run === undefined) throw error;
    if (run.pipeline_key === null) throw new UserError('usage', `run ${run.test_run_id} has no pipeline, and breakpoints and watches belong to one`);
    return await findPipeline(run.pipeline_key, backend);
  }
}
