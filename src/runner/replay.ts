import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withBodies } from '../client/exchanges.ts';
import type { RecordedRun } from '../client/reruns.ts';
import { latestAttempts, planFork } from '../core/fork-plan.ts';
import { isFinal } from '../core/run-state.ts';
import { UserError } from '../protocol/error.ts';
import { BROKEN_OFF, RECORDING_FULL } from '../protocol/exchange.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RunRow, StepRow } from '../protocol/rows.ts';
import { serveRun } from '../tracker/run-port.ts';
import type { ForkStart } from './fork.ts';
import { judgeReplay, type Divergence, type NamedStep } from './judge-replay.ts';

export type { Divergence } from './judge-replay.ts';
import { bundledPipelines } from './bundled-pipelines.ts';
import { startPipelineThread } from './pipeline-thread.ts';
import { watch } from './supervise-run.ts';
import type { FromPipelineThread, Trouble } from './thread-messages.ts';

/** How today's code did with a recording. */
export interface ReplayReport {
  readonly runId: string;
  readonly pipeline: string;
  readonly file: string;
  /** Steps that ended as they did then, or not. */
  readonly steps: number;
  /** Answers in the recording. */
  readonly exchanges: number;
  /** In the order in which they came up; one unless all were wanted. */
  readonly divergences: readonly Divergence[];
  /** Steps whose source is not what it was. */
  readonly changed: readonly NamedStep[];
  /** Why what came afterwards was not compared. */
  readonly endedEarly: string | undefined;
}

/** The file of a pipeline that comes with us. */
export function bundledPipelineFile(key: string): string | undefined {
  if (!/^[a-zA-Z0-9_-]+$/.test(key)) return undefined;
  const file = fileURLToPath(new URL(`${key}.ts`, bundledPipelines));
  return existsSync(file) ? file : undefined;
}

export interface ReplayOptions {
  /** The file that defines the pipeline today. */
  readonly file: string;
  /** Go on after the first divergence. */
  readonly all: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a recorded run again: today's code, the recorded inputs, and for all that it asks the recorded answers. Nothing is
 * stored, and nothing leaves the process.
 *
 * Throws `usage` for a run that cannot be replayed, saying why, and what loading the file throws.
 */
export async function replayRun(source: RecordedRun, { file, all, signal = new AbortController().signal }: ReplayOptions): Promise<ReplayReport> {
  const { run } = source;
  refuseUnfinished(run);
  const steps = latestAttempts(await source.steps());
  const exchanges = await readExchanges(source, [...steps.values()]);
  const fork = await forkOf(source, steps);
  const edits: Record<string, JsonObject> = {};
  for (const { step_key, is_edited } of steps.values()) {
    const inputs = is_edited && step_key !== fork?.step ? (await source.snapshot(step_key))?.inputs : undefined;
    if (inputs) edits[step_key] = inputs;
  }

  const stop = new AbortController();
  const brokenOff = new Set(exchanges.flatMap(({ step_key, error }) => (step_key !== null && error?.startsWith(BROKEN_OFF) ? [step_key] : [])));
  const judge = judgeReplay({ run, recorded: steps, snapshot: (key, attempt) => source.snapshot(key, attempt), brokenOff, all, onEnough: () => stop.abort() });
  const thread = startPipelineThread({ task: 'replay', file, run: unattended(run), fork, edits, recorded: exchanges });
  let trouble: Trouble | undefined;
  let sources: Readonly<Record<string, string>> = {};
  thread.on('message', (message: FromPipelineThread) => {
    if (message.type === 'refused') trouble = message.trouble;
    if (message.type === 'sources') sources = message.sources;
    if (message.type === 'diverged') judge.request(message.divergence);
  });
  const nobody = { follow: async () => () => {}, settle: async () => false, leave: async () => true, lease: async () => undefined };
  const served = serveRun(thread, { sink: { write: judge.rows, flush: () => judge.idle(), close: () => judge.idle() }, controls: nobody });
  try {
    const ending = await watch(thread, new AbortController().signal, AbortSignal.any([stop.signal, signal]));
    await judge.idle();
    signal.throwIfAborted();
    if (trouble !== undefined) throw new UserError(trouble.code ?? 'failed', trouble.message, { hint: trouble.hint });
    if (!stop.signal.aborted) await judge.end(ending?.message);
  } finally {
    served.stop();
    await thread.terminate();
  }
  const changed = await changedSteps(source, steps, sources);
  return { runId: run.test_run_id, pipeline: run.pipeline_key!, file, exchanges: exchanges.length, ...judge.verdict(), changed };
}

function refuseUnfinished(run: RunRow): void {
  if (run.pipeline_key === null) throw new UserError('usage', 'this run was only traced: no pipeline can run it again', { hint: 'Replay runs of pipelines; `stepscope show` walks any recording' });
  if (!isFinal(run)) throw new UserError('usage', `the run is ${run.status}: only a run that has ended can be replayed`);
}

async function readExchanges(source: RecordedRun, steps: readonly StepRow[]): Promise<Awaited<ReturnType<typeof withBodies>>> {
  const found = await withBodies(source.exchanges(), (hash) => source.blob(hash));
  if (found.some(({ kind, method }) => kind === 'value' && method === RECORDING_FULL)) {
    throw new UserError('usage', 'the run asked more than is recorded of one run, so it cannot be replayed', { hint: 'Ask for less by the context: ids, times and numbers count too' });
  }
  if (found.length === 0 && steps.some(({ status }) => status !== 'reused')) {
    throw new UserError('usage', 'the exchanges of this run were not recorded, so nothing can answer in the place of the outside world', {
      hint: 'It ran with `recordExchanges: false`, or before exchanges were recorded. Run it again',
    });
  }
  return found;
}

/** Held by nobody: a replay passes every gate. */
function unattended(run: RunRow): RunRow {
  const options = (run.execution_data['options'] ?? {}) as JsonObject;
  return { ...run, mode: 'auto', execution_data: { ...run.execution_data, options: { ...options, breakAt: [] } } };
}

/** A recorded fork begins where it began: with the state its own record has, not its parent's. */
async function forkOf(source: RecordedRun, steps: ReadonlyMap<string, StepRow>): Promise<ForkStart | undefined> {
  const { run } = source;
  if (run.parent_run_id === null || run.forked_from_step === null) return undefined;
  const plan = planFork(run.step_tree ?? [], run.forked_from_step, [...steps.values()]);
  const point = await source.snapshot(run.forked_from_step);
  if (point === undefined) throw new UserError('usage', 'the fork did not come to its first step, so there is nothing to replay');
  return { step: run.forked_from_step, patch: [], state: point.stateBefore, inputs: point.inputs, reused: plan.reused.map(({ key }) => key), entered: plan.entered.map(({ key }) => key) };
}

/** The steps whose code is not what it was when they were recorded. */
async function changedSteps(source: RecordedRun, steps: ReadonlyMap<string, StepRow>, today: Readonly<Record<string, string>>): Promise<readonly NamedStep[]> {
  const changed: NamedStep[] = [];
  for (const { step_key: key, display, step_name: name, attempt } of steps.values()) {
    const code = (await source.snapshot(key, attempt))?.source?.code;
    if (code !== undefined && key in today && today[key] !== code) changed.push({ key, display, name });
  }
  return changed;
}
