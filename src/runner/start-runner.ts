import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectHolder } from '../client/connect-holder.ts';
import type { Holder } from '../client/holder.ts';
import { uuidv7 } from '../core/uuid.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { bundledPipelines } from './bundled-pipelines.ts';
import { describePipelines } from './pipeline-thread.ts';
import { openProviders } from './provider-access.ts';
import { superviseRun, type SupervisedRun } from './supervise-run.ts';
import type { DescribedPipeline } from './thread-messages.ts';

/** Runs that work at the same time; held ones only wait and do not count. */
const MAX_WORKING = 4;
/** Runs at all, each with a thread of its own. */
const MAX_RUNS = 32;

export interface RunnerOptions {
  readonly url: string;
  readonly secretKey: string;
  /** Files that export pipelines. */
  readonly files: readonly string[];
  /** Offer the bundled pipelines too, as the runner that belongs to a backend does. */
  readonly bundled: boolean;
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** What a person should know while it runs: rows refused, a backend that does not answer. */
  readonly onTrouble?: ((what: string) => void) | undefined;
  /** How long `onFailure` of a pipeline may take, in milliseconds; 10 s when not given. */
  readonly onFailureMs?: number | undefined;
}

export interface Runner {
  readonly id: string;
  /** Keys of the pipelines it executes, those of the files first. */
  readonly pipelines: readonly string[];
  /** Leaves held runs to whoever takes them up, cancels the others, waits for that, and says goodbye. */
  close(): Promise<void>;
}

/**
 * Registers pipelines at a backend and executes the runs that are asked of them, until it is closed.
 *
 * Throws `UserError` for a file that cannot be loaded and a backend that does not answer.
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const pipelines = await describeAll(options);
  const keys = [...pipelines.keys()];
  // A local backend knows by the prefix which runs went down with it.
  const id = `${options.bundled ? 'local/' : ''}${uuidv7(Date.now(), randomBytes(10))}`;
  const onTrouble = options.onTrouble ?? (() => {});
  const holder = connectHolder({ url: options.url, secretKey: options.secretKey });
  const providers = openProviders(options.environment ?? process.env);
  const runs = new Set<SupervisedRun>();
  const closing = new AbortController();

  try {
    await holder.registerRunner({ id, name: hostname(), host: hostname(), pid: process.pid, pipelines: keys }, [...pipelines.values()]);
  } catch (error) {
    await holder.close();
    throw error;
  }

  let claiming: Promise<void> | undefined;
  let again = false;
  const claim = (): void => {
    if (claiming) {
      again = true;
      return;
    }
    claiming = claimAll().finally(() => {
      claiming = undefined;
      if (again) claim();
    });
  };
  const claimAll = async (): Promise<void> => {
    again = false;
    while (!closing.signal.aborted && hasRoom(runs)) {
      const run = await holder.claimRun(id, keys).catch(() => undefined);
      if (run === undefined) return;
      const pipeline = pipelines.get(run.pipeline_key ?? '')!;
      const supervised = superviseRun({ holder, secretKey: options.secretKey, runnerId: id, run, pipeline, providerFor: providers.accessFor, onTrouble, onFailureMs: options.onFailureMs });
      runs.add(supervised);
      void supervised.ended.finally(() => {
        runs.delete(supervised);
        claim();
      });
    }
  };
  const stopListening = holder.onPendingRun(claim);
  const heartbeat = setInterval(() => void beat(holder, id), limits.heartbeatMs);
  claim();

  return {
    id,
    pipelines: keys,
    async close() {
      closing.abort();
      stopListening();
      await claiming;
      await Promise.all([...runs].map((run) => run.stop('the runner was stopped')));
      clearInterval(heartbeat);
      await holder.removeRunner(id).catch(() => {});
      await Promise.all([holder.close(), providers.close()]);
    },
  };
}

function hasRoom(runs: ReadonlySet<SupervisedRun>): boolean {
  const working = [...runs].filter((run) => !run.isHeld()).length;
  return working < MAX_WORKING && runs.size < MAX_RUNS;
}

/** A beat that is missed is made good by the next. */
async function beat(holder: Holder, id: string): Promise<void> {
  await holder.runnerHeartbeat(id).catch(() => {});
}

/** The pipelines of the files and those that come with us, by key. */
async function describeAll({ files, bundled }: RunnerOptions): Promise<ReadonlyMap<string, DescribedPipeline>> {
  const all = [...files.map((file) => resolve(file)), ...(bundled ? await bundledFiles() : [])];
  const pipelines = new Map<string, DescribedPipeline>();
  for (const described of await Promise.all(all.map((file) => describePipelines([file])))) {
    for (const pipeline of described) {
      const same = pipelines.get(pipeline.pipeline_key);
      if (same) throw new UserError('usage', `${same.file_path} and ${pipeline.file_path} both define the pipeline ${pipeline.pipeline_key}`, { hint: 'Give one of them another key' });
      pipelines.set(pipeline.pipeline_key, pipeline);
    }
  }
  if (pipelines.size === 0) throw new UserError('usage', 'a runner needs a file with a pipeline');
  return pipelines;
}

async function bundledFiles(): Promise<readonly string[]> {
  const names = await readdir(bundledPipelines);
  return names.filter((name) => name.endsWith('.ts')).map((name) => fileURLToPath(new URL(name, bundledPipelines)));
}
