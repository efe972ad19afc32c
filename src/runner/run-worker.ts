import { parentPort, workerData } from 'node:worker_threads';
import { connectHolder } from '../client/connect-holder.ts';
import { decodeObject } from '../core/decode-value.ts';
import { createMasker, type Masker } from '../core/mask.ts';
import { flattenSteps } from '../core/step-reference.ts';
import { UserError } from '../protocol/error.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RunRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import type { RunRecorder } from '../tracker/recorder.ts';
import { createRunRecorder } from '../tracker/run-recorder.ts';
import { linkThroughPort } from '../tracker/run-port.ts';
import type { Rows, RunLink } from '../tracker/sink.ts';
import type { TakenUp } from '../tracker/taken-up.ts';
import { describePipeline, placeSteps, type PlacedStep } from './describe-pipeline.ts';
import { executeRun } from './execute-run.ts';
import { openOutside } from './outside/open-outside.ts';
import { replayOutside } from './outside/replaying.ts';
import { sealThread } from './outside/seal-thread.ts';
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
type ReplayTask = Extract<PipelineTask, { readonly task: 'replay' }>;
type PutRightTask = Extract<PipelineTask, { readonly task: 'put-right' }>;

/** Where nobody is asked, whatever is. */
const NOWHERE = 'http://replay.invalid';

const port = parentPort!;
const say = (message: FromPipelineThread): void => port.postMessage(message);
const modules = installModuleHooks();
const guard = guardThread((code, stack) => say({ type: 'exiting', code, stack }));
const task = workerData as PipelineTask;
const watch: Watch = { crashed: guard.crashed, announce: (timeoutMs) => say({ type: 'limit', timeoutMs }) };

try {
  if (task.task === 'describe') await describe(task.files);
  else if (task.task === 'put-right') await putRightAfterwards(task);
  else if (task.task === 'replay') await replay(task);
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

async function execute({ file, run, fork, takenUp, recorded, firstExchange, onFailureMs, provider, url, secretKey }: RunTask): Promise<void> {
  const masker = createMasker({ values: [secretKey, provider.token] });
  let resumable = false;
  const recorder = recorderOf(run, countReused(linkThroughPort(port), fork?.reused.filter((key) => !key.includes('.')).length ?? 0), masker, { firstExchange, takenUp, resumable: (): boolean => resumable });
  port.on('message', (message: ToPipelineThread | { readonly type?: undefined }) => {
    if (message.type === 'cancel') recorder.cancel(message.reason);
    if (message.type === 'hold') recorder.steer('pause', undefined, message.reason);
  });
  const listening = recorder.listen();
  logOutput(recorder, masker);
  const pipeline = await pipelineOf(file, run.pipeline_key);
  resumable = pipeline.resumable;
  const steps = placeSteps(pipeline, (step) => findStepSource(step, modules));
  const tree = steps.map((one) => one.definition);
  // The file may have changed since it was registered; this run shows what it runs.
  recorder.patchRun({ step_tree: tree, pipeline_version: pipeline.version, total_steps: tree.length });
  if (fork && !flattenSteps(tree).some(({ key }) => key === fork.step)) throw new UserError('not-found', `${file} no longer has the step ${fork.step}`);

  const { recordExchanges } = RunOptions.parse(run.execution_data['options'] ?? {});
  const outside = openOutside({ recorder, masker, recordExchanges: recordExchanges !== false, recorded });
  const contexts = openStepContexts({ run, recorder, masker, access: provider, outside, url, connect: connectBy(secretKey) });
  globalThis.fetch = contexts.fetch;
  // A breakpoint on the first step must be known before it.
  await listening;
  const parsed = pipeline.inputs.safeParse(run.inputs);
  if (!parsed.success) throw new UserError('usage', `the inputs do not fit: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  await executeRun({ pipeline, steps, fork, isTakenUp: takenUp !== undefined, recorder, contexts, flushOutput: guard.flush, watch, onFailureMs, initial: { inputs: parsed.data, model: run.model_record_id } });
  guard.flush();
  await recorder.close();
  say({ type: 'ended' });
}

/** A recorded run once more. Its supervisor compares what is recorded now with what was then. */
async function replay({ file, run, fork, edits, recorded }: ReplayTask): Promise<void> {
  const masker = createMasker();
  const link = linkThroughPort(port);
  const write = (rows: Rows): void => {
    // What a step did not ask again is told before its end is compared.
    for (const step of rows.steps ?? []) if (step.status === 'completed' || step.status === 'failed') outside.finish(step.step_key);
    link.sink.write(rows);
  };
  const recorder = recorderOf(run, { ...link, sink: { ...link.sink, write } }, masker);
  logOutput(recorder, masker);
  const pipeline = await pipelineOf(file, run.pipeline_key);
  const steps = placeSteps(pipeline, (step) => findStepSource(step, modules));
  say({ type: 'sources', sources: sourcesOf(steps, masker) });
  const outside = replayOutside({ recorded, recorder, masker, onDivergence: (divergence) => say({ type: 'diverged', divergence }) });
  // What the file imports is loaded by now; what it does from here on stays here.
  sealThread((what) => say({ type: 'diverged', divergence: { step: recorder.currentStep()?.spec.key ?? null, path: what, expected: undefined, actual: what } }));
  // Where it was connected, a recording from before that was kept may not say.
  const access = { name: 'simulator', baseUrl: NOWHERE, token: '', reachesUs: false } as const;
  const contexts = openStepContexts({ run, recorder, masker, access, outside, url: NOWHERE, connect: connectBy('nobody') });
  globalThis.fetch = contexts.fetch;
  const parsed = pipeline.inputs.safeParse(run.inputs);
  if (!parsed.success) throw new UserError('usage', `the recorded inputs do not fit any more: ${parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  await executeRun({ pipeline, steps, fork, edits, asksNobody: true, recorder, contexts, flushOutput: guard.flush, watch, initial: { inputs: parsed.data, model: run.model_record_id } });
  outside.finish(null);
  await recorder.close();
  say({ type: 'ended' });
}

function sourcesOf(steps: readonly PlacedStep[], masker: Masker): Readonly<Record<string, string>> {
  const inside = (some: readonly PlacedStep[]): readonly PlacedStep[] => some.flatMap((one) => [one, ...inside(one.steps)]);
  return Object.fromEntries(inside(steps).flatMap(({ definition, source }) => (source === undefined ? [] : [[definition.key, masker.text(source.code)]])));
}

/** For a run whose own thread spun, exited or used up its memory: what it would have done at its end. */
async function putRightAfterwards({ file, run, state, failure, firstExchange, onFailureMs, provider, url, secretKey }: PutRightTask): Promise<void> {
  const masker = createMasker({ values: [secretKey, provider.token] });
  const recorder = recorderOf(run, linkThroughPort(port), masker, { firstExchange });
  logOutput(recorder, masker);
  const pipeline = await pipelineOf(file, run.pipeline_key);
  const { recordExchanges } = RunOptions.parse(run.execution_data['options'] ?? {});
  const outside = openOutside({ recorder, masker, recordExchanges: recordExchanges !== false, recorded: undefined });
  const contexts = openStepContexts({ run, recorder, masker, access: provider, outside, url, connect: connectBy(secretKey) });
  globalThis.fetch = contexts.fetch;
  await putRight({ pipeline, state: decodeObject(state), failure, recorder, contexts, watch, onFailureMs });
  await contexts.settled();
  guard.flush();
  // Its supervisor has every line by now, and ends the run itself.
  say({ type: 'ended' });
}

function connectBy(secretKey: string): Parameters<typeof openStepContexts>[0]['connect'] {
  return (url, through) => connectHolder({ url, secretKey, through });
}

interface Continuing {
  readonly firstExchange?: number;
  readonly takenUp?: TakenUp | undefined;
  /** Known once the pipeline is loaded. */
  readonly resumable?: () => boolean;
}

function recorderOf(run: RunRow, link: RunLink, masker: Masker, { firstExchange, takenUp, resumable }: Continuing = {}): RunRecorder {
  const { breakAt } = RunOptions.parse(run.execution_data['options'] ?? {});
  return createRunRecorder({ runId: run.test_run_id, link, mode: run.mode, breakAt, onLeaseEnd: run.on_lease_end, generationId: run.generation_id, masker, firstExchange, takenUp, isResumable: resumable, run: conditionFacts(run) });
}

/** Columns of the run that conditions read. */
function conditionFacts({ pipeline_key, pipeline_version, model_record_id, model_name, parent_run_id, billing, environment, tags, inputs }: RunRow): JsonObject {
  return { pipeline_key, pipeline_version, model_record_id, model_name, parent_run_id, billing, environment, tags, inputs };
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
