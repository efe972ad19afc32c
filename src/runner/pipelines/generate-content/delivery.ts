import { createHash } from 'node:crypto';
import { outputUrls, step, UserError, z } from 'stepscope';
import type { State, StoredFile } from './state.ts';
import { done, rowOf } from './tables.ts';
import { counted } from './words.ts';

const Stored = z.object({ path: z.string(), bytes: z.int(), contentType: z.string(), sha256: z.string() });

export const storageUpload = step({
  key: 'storage_upload',
  name: 'Storage Upload',
  context: 'server',
  effect: 'idempotent',
  schema: z.object({ urls: z.array(z.string()).min(1), folder: z.string() }),
  inputs: ({ prediction, job, edgeRequest }: State) => ({ urls: outputUrls(prediction), folder: `${edgeRequest.userId ?? 'service'}/${job.id}` }),
  async run({ urls, folder }, { provider, storage, log }) {
    const files: StoredFile[] = [];
    for (const [index, url] of urls.entries()) {
      const { bytes, contentType } = await provider.download(url);
      const name = `${folder}/${index}.${contentType.split('/')[1]?.split(';')[0] ?? 'bin'}`;
      const { error } = await storage.from('outputs').upload(name, bytes, { contentType, upsert: true });
      if (error) throw new UserError('failed', `could not store outputs/${name}: ${error.message}`);
      log.info(`Stored outputs/${name}, ${bytes.length} bytes`);
      files.push({ path: `outputs/${name}`, bytes: bytes.length, contentType, sha256: createHash('sha256').update(bytes).digest('hex') });
    }
    return { files };
  },
});

const workflowOrchestration = step({
  key: 'workflow_orchestration',
  name: 'Workflow Orchestration',
  description: 'Checks that the job was charged as it should be, and looks what is to follow.',
  display: '13b',
  context: 'server',
  aliases: ['P2-13'],
  schema: z.object({ jobId: z.string(), charged: z.number() }),
  inputs: ({ reservation }: State) => ({ jobId: reservation.jobId, charged: reservation.charged }),
  async run({ jobId, charged }, { db, run, log }) {
    const Entries = z.array(z.object({ amount: z.coerce.number() }));
    const entries = await rowOf('read the ledger of the job', Entries, db.from('credit_ledger').select('amount').eq('job_id', jobId));
    const paid = -entries.reduce((sum, { amount }) => sum + amount, 0);
    if (paid !== charged) throw new UserError('conflict', `job ${jobId} has cost ${counted(paid, 'credit')} instead of ${charged}`, { hint: 'Look at its lines in credit_ledger' });
    const waiting = db.from('jobs').select('id', { count: 'exact', head: true }).eq('status', 'queued');
    const { count } = await (run.userId === null ? waiting : waiting.eq('user_id', run.userId));
    log.info(`The job has cost ${counted(paid, 'credit')}; ${counted(count ?? 0, 'more job is', 'more jobs are')} waiting`);
  },
});

export const databaseUpdate = step({
  key: 'database_update',
  name: 'Database Update',
  context: 'database',
  effect: 'idempotent',
  schema: z.object({ jobId: z.string(), files: z.array(Stored).min(1) }),
  inputs: ({ job, files }: State) => ({ jobId: job.id, files }),
  async run({ jobId, files }, { db, log }) {
    const result = { status: 'succeeded', output: files, output_path: files[0]!.path, error: null };
    await done('write the result into the job', db.from('jobs').update(result).eq('id', jobId));
    log.info(`Job ${jobId} has succeeded`, { output_path: files[0]!.path });
    return { job: { id: jobId, status: 'succeeded' } };
  },
  steps: [workflowOrchestration],
});

export const pollingCompletion = step({
  key: 'polling_completion',
  name: 'Polling Completion',
  description: 'The client sees in the tables that its job is done.',
  context: 'client',
  schema: z.object({ jobId: z.string(), polls: z.int() }),
  inputs: ({ job, polls }: State) => ({ jobId: job.id, polls }),
  async run({ jobId, polls }, { db, log }) {
    const Row = z.object({ status: z.string(), output_path: z.string().nullable() });
    const { status, output_path } = await rowOf(`look at job ${jobId}`, Row, db.from('jobs').select('status, output_path').eq('id', jobId).maybeSingle());
    if (status !== 'succeeded') throw new UserError('conflict', `job ${jobId} is ${status}, not succeeded: somebody else has changed it`);
    log.info(`Polling ends after ${counted(polls, 'look')} at the provider`, { output_path });
  },
});

export const uiUpdate = step({
  key: 'ui_update',
  name: 'UI Update',
  context: 'client',
  schema: z.object({ files: z.array(Stored), credits: z.number(), charged: z.number(), seconds: z.number().nullable() }),
  inputs: ({ files, reservation, prediction }: State) => ({
    files,
    credits: reservation.wouldHaveCharged,
    charged: reservation.charged,
    seconds: prediction.metrics?.predict_time ?? null,
  }),
  run({ files, credits, charged, seconds }, { log }) {
    const images = counted(files.length, 'image');
    const price = charged > 0 ? `for ${counted(charged, 'credit')}` : `in test mode, charged nothing of ${counted(credits, 'credit')}`;
    log.info(`Shown: ${images}${seconds === null ? '' : ` in ${seconds.toFixed(1)} s`} ${price}`, { paths: files.map(({ path }) => path) });
    return { result: { paths: files.map(({ path }) => path), charged } };
  },
});
