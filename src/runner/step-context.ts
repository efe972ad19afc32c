import type { Holder } from '../client/holder.ts';
import type { Masker } from '../core/mask.ts';
import { UserError } from '../protocol/error.ts';
import type { RunRow } from '../protocol/rows.ts';
import { RunOptions } from '../protocol/run-request.ts';
import { newId } from '../tracker/ids.ts';
import type { RunRecorder } from '../tracker/recorder.ts';
import type { RunInfo, StepContext, StepLog } from './pipeline.ts';
import { connectProvider, type Exchange } from './provider/provider.ts';
import { listenForWebhooks, type WebhookListener } from './provider/webhook-listener.ts';
import { BEHAVIOUR_HEADER } from './simulator/behaviour-header.ts';
import type { ProviderAccess } from './thread-messages.ts';

/** Makes the contexts of one run's steps. What they share (the tables, the webhook listener) is opened when first asked for. */
export interface StepContexts {
  readonly contextFor: (signal: AbortSignal) => StepContext;
  readonly close: () => Promise<void>;
}

export interface StepContextOptions {
  readonly run: RunRow;
  readonly recorder: RunRecorder;
  readonly masker: Masker;
  readonly holder: Holder;
  readonly access: ProviderAccess;
}

export function openStepContexts({ run, recorder, masker, holder, access }: StepContextOptions): StepContexts {
  let listener: Promise<WebhookListener> | undefined;
  const log = stepLog(recorder);
  const info: RunInfo = {
    id: run.test_run_id,
    parentRunId: run.parent_run_id,
    pipeline: run.pipeline_key ?? '',
    userId: run.admin_user_id,
    options: RunOptions.parse(run.execution_data['options'] ?? {}),
  };

  return {
    contextFor: (signal) => ({
      run: info,
      billing: run.billing,
      log,
      signal,
      db: holder.db,
      // A getter: most steps need no files, and the client makes its part for them on demand.
      get storage() {
        return holder.db.storage;
      },
      secret: (name) => readSecret(name, masker),
      provider: connectProvider({
        name: access.name,
        baseUrl: access.baseUrl,
        token: access.token,
        headers: access.simulate === undefined ? {} : { [BEHAVIOUR_HEADER]: access.simulate },
        signal,
        onExchange: (exchange) => logExchange(recorder, exchange),
      }),
      newId,
      link: ({ generationId, jobId }) => {
        recorder.patchRun({ ...(generationId !== undefined && { generation_id: generationId }), ...(jobId !== undefined && { job_id: jobId }) });
      },
      webhooks: async () => (access.reachesUs ? await (listener ??= listenForWebhooks()) : undefined),
    }),
    close: async () => {
      await (await listener)?.close();
    },
  };
}

function stepLog(recorder: RunRecorder): StepLog {
  const at = (level: string) => (message: string, data?: unknown) => {
    recorder.log({ level, message, data });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), critical: at('critical') };
}

function readSecret(name: string, masker: Masker): string {
  const value = process.env[name];
  if (!value) throw new UserError('usage', `the secret ${name} is not set`, { hint: `Set ${name} in the environment of the runner` });
  masker.learn(value);
  return value;
}

function logExchange(recorder: RunRecorder, { method, url, attempt, outcome, durationMs, retryInMs, request }: Exchange): void {
  const path = new URL(url).pathname;
  const again = retryInMs === undefined ? '' : `, again in ${(retryInMs / 1000).toFixed(1)} s`;
  recorder.log({
    level: retryInMs === undefined ? 'debug' : 'warn',
    context: 'provider',
    message: `${outcome} ${method} ${path}${again}`,
    durationMs,
    data: { url, attempt, ...(request && { request }) },
  });
}
