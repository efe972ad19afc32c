import type { ErrorCode } from '../protocol/error.ts';
import type { PipelineRow, RunRow } from '../protocol/rows.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { RecordedExchange } from '../core/exchange-match.ts';
import type { Divergence, RecordedEffects } from './outside/replaying.ts';
import type { TakenUp } from '../tracker/taken-up.ts';
import type { ForkStart } from './fork.ts';
import type { RunFailure } from './pipeline.ts';

/** How a thread reaches the provider of its run. */
export interface ProviderAccess {
  readonly name: 'simulator' | 'replicate';
  readonly baseUrl: string;
  readonly token: string;
  /** How the simulator shall behave towards this run. */
  readonly simulate?: string | undefined;
  /** Can the provider post to an address of this machine? */
  readonly reachesUs: boolean;
}

/** What a pipeline thread is started for: to say what is in files, to execute one run, or to put right what one left behind whose thread is gone. */
export type PipelineTask =
  | { readonly task: 'describe'; readonly files: readonly string[] }
  | {
      readonly task: 'run';
      readonly file: string;
      readonly run: RunRow;
      readonly fork: ForkStart | undefined;
      /** For a run that another process has left held at the step that `fork` names. */
      readonly takenUp?: TakenUp | undefined;
      /** For a fork that does not repeat effects. */
      readonly recorded?: RecordedEffects | undefined;
      /** Place of the first exchange that it records. */
      readonly firstExchange: number;
      /** How long `onFailure` may take. */
      readonly onFailureMs: number;
      readonly provider: ProviderAccess;
      readonly url: string;
      readonly secretKey: string;
    }
  | {
      /** A recorded run once more, by today's code, on recorded answers. */
      readonly task: 'replay';
      readonly file: string;
      readonly run: RunRow;
      readonly fork: ForkStart | undefined;
      /** Inputs that people had edited, by step, encoded. */
      readonly edits: Readonly<Record<string, JsonObject>>;
      readonly recorded: readonly RecordedExchange[];
    }
  | {
      readonly task: 'put-right';
      readonly file: string;
      readonly run: RunRow;
      /** The last one recorded, encoded. */
      readonly state: JsonObject;
      readonly failure: RunFailure;
      /** Place of the first exchange that it records. */
      readonly firstExchange: number;
      /** How long `onFailure` may take. */
      readonly onFailureMs: number;
      readonly provider: ProviderAccess;
      readonly url: string;
      readonly secretKey: string;
    };

/** An error on its way between threads. */
export interface Trouble {
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly stack?: string | undefined;
}

/** A pipeline as its file describes it. */
export type DescribedPipeline = Omit<PipelineRow, 'created_at' | 'updated_at'>;

/** What a pipeline thread tells its supervisor, beside the rows of its run. */
export type FromPipelineThread =
  | { readonly type: 'described'; readonly pipelines: readonly DescribedPipeline[] }
  | { readonly type: 'refused'; readonly trouble: Trouble }
  /** Code of the pipeline begins to run and may take this long; null when it has ended. */
  | { readonly type: 'limit'; readonly timeoutMs: number | null }
  /** Code of the pipeline has called `process.exit`. */
  | { readonly type: 'exiting'; readonly code: number; readonly stack: string }
  /** Of a replay: the code of the steps as it is today, masked as recorded code is, by key. */
  | { readonly type: 'sources'; readonly sources: Readonly<Record<string, string>> }
  | { readonly type: 'diverged'; readonly divergence: Divergence }
  /** The run has ended and everything of it is written. */
  | { readonly type: 'ended' };

/** What a supervisor tells a thread that executes a run. */
export interface ToPipelineThread {
  /** `hold`: before its next step. */
  readonly type: 'cancel' | 'hold';
  readonly reason: string;
}
