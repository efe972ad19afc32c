import { parentPort, workerData } from 'node:worker_threads';
import { connectHolder } from '../client/connect-holder.ts';
import { decodeObject } from '../core/decode-value.ts';
import { createMasker, type Masker } from '../core/mask.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { UserError } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import type { RunRecorder } from '../tracker/recorder.ts';
import { createRunRecorder } from '../tracker/run-recorder.ts';
import { linkThroughPort } from '../tracker/run-port.ts';
import type { RunLink } from '../tracker/sink.ts';
import { describePipeline, placeSteps } from './describe-pipeline.ts';
import { executeRun } from './execute-run.ts';
import { guardThread } from './guard-thread.ts';
import { loadPipelines } from './load-pipelines.ts';
import { installModuleHooks } from './module-hooks.ts';
import type { Pipeline } from './pipeline.ts';
import { putRight } from './put-right.ts';
import { openStepContexts } from './step-context.ts';
import { findStepSource } from './step-source.ts';
import type { Watch } from './time-limit.ts';
import type { FromPipelineThread, PipelineTask, ToPipelineThread } from './thread-messages.ts';

/*
 * A thread for code of pipelines; `thread-messages.ts` says what goes in and out. Whatever that code does to
 * the thread, the supervisor lives and ends the run.
 */
type RunTask = Extract<PipelineTask, { readonly task: 'run' }>;
type PutRightTask = Extract<PipelineTask, { readonly task: 'put-right' }>;

const port = parentPort!;
const say = (message: FromPipelineThread): void => port.postMessage(message);
const modules = installModuleHooks();
const guard = guardThread((code, stack) => say({ type: 'exiting', code, stack }));
const task = workerData as PipelineTask;
const watch: Watch = { crashed: guard.crashed, announce: (timeoutMs) => say({ type: 'limit', timeoutMs }) };

try {
  if (task.task === 'describe') await describe(task.files);
  else if (task.task === 'put-right') await putRightAfterwards(task);
  else await execute(task);
} catch (error) {
  const user = error instanceof UserError ? { code: error.code, hint: error.hint } : { code: undefined };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  say({ type: 'refused', trouble: { ...user, message, stack } });
  // Its message must be read before it: nothing else shall keep the thread.
  port.close();
}

async function describe(files: readonly string[]): Promise<void> {
  const loaded = await loadPipelines(files, modules);
  const pipelines = loaded.map(({ pipeline, filePath }) => describePipeline(pipeline, placeSteps(pipeline, (step) => findStepSource(step, modules)), filePath));
  say({ type: 'described', pipelines });
}

async function execute({ file, run, fork, provider, url, secretKey }: RunTask): Promise<void> {
  const masker = createMasker({ values: [secretKey, provider.token] });
  const recorder = recorderOf(run, countReused(linkThroughPort(port), fork?.reused.filter((key) => !key.includes('.')).length ?? 0), masker);
  port.on('message', (message: ToPipelineThread | { readonly type?: undefined }) => {
    if (message.type === 'cancel') recorder.cancel(message.reason);
  });
  const listening = recorder.listen();
  logOutput(recorder, masker);
  const pipeline = await pipelineOf(file, run.pipeline_key);
  const steps = placeSteps(pipeline, (step) => findStepSource(step, modules));
  const tree = steps.map((one) => one.definition);
  // The file may have changed since it was registered; this run shows what it runs.
  recorder.patchRun({ step_tree: tree, pipeline_version: pipeline.version, total_steps: tree.length });
  if (fork && !flattenSteps(tree).some(({ key }) => key === fork.step)) throw new UserError('not-found', `${file} no longer has the step ${fork.step}`);

  const holder = connectHolder({ url, secretKey });
  const contexts = openStepContexts({ run, recorder, masker, holder, access: provider });
  // A breakpoint on the first step must be known before it.
  await listening;
  const parsed = pipeline.inputs.safeParse(run.inputs);
  if (!parsed.success) throw new UserError('usage', `the inputs do not fit: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  await executeRun({ pipeline, steps, fork, recorder, contexts, flushOutput: guard.flush, watch, initial: { inputs: parsed.data, model: run.model_record_id } });
  guard.flush();
  await recorder.close();
  say({ type: 'ended' });
}

/** For a run whose own thread spun, exited or used up its memory: what it would have done at its end. */
async function putRightAfterwards({ file, run, state, failure, provider, url, secretKey }: PutRightTask): Promise<void> {
  const masker = createMasker({ values: [secretKey, provider.token] });
  const recorder = recorderOf(run, linkThroughPort(port), masker);
  logOutput(recorder, masker);
  const pipeline = await pipelineOf(file, run.pipeline_key);
  const contexts = openStepContexts({ run, recorder, masker, holder: connectHolder({ url, secretKey }), access: provider });
  await putRight({ pipeline, state: decodeObject(state), failure, recorder, contexts, watch });
  guard.flush();
  // Its supervisor has every line by now, and ends the run itself.
  say({ type: 'ended' });
}

function recorderOf(run: RunRow, link: RunLink, masker: Masker): RunRecorder {
  const { breakAt } = RunOptions.parse(run.execution_data['options'] ?? {});
  return createRunRecorder({ runId: run.test_run_id, link, mode: run.mode, breakAt, onLeaseEnd: run.on_lease_end, generationId: run.generation_id, masker });
}

function logOutput(recorder: RunRecorder, masker: Masker): void {
  guard.onOutput((stream, lines) => {
    // Masked before it is taken apart: a private key has many lines, and only the first gives it away.
    const printed = masker.text(lines).split('\n').filter((line) => line.trim() !== '');
    for (const message of printed) recorder.log({ level: stream === 'stdout' ? 'info' : 'warn', message, metadata: { stream } });
  });
}

async function pipelineOf(file: string, key: string | null): Promise<Pipeline> {
  const found = (await loadPipelines([file], modules)).find(({ pipeline }) => pipeline.key === key);
  if (found === undefined) throw new UserError('not-found', `${file} no longer defines the pipeline ${key}`);
  return found.pipeline;
}

/** The recorder counts what it sees end; steps taken over from a parent run were counted there. */
function countReused(link: RunLink, reused: number): RunLink {
  if (reused === 0) return link;
  const { sink } = link;
  return {
    ...link,
    sink: {
      ...sink,
      write: (rows) => sink.write(rows.run?.completed_steps === undefined ? rows : { ...rows, run: { ...rows.run, completed_steps: rows.run.completed_steps + reused } }),
    },
  };
}
