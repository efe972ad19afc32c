import { openAsBlob, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { AwsClient } from 'aws4fetch';
import { z } from 'zod';
import { UserError } from '../../protocol/error.ts';
import type { BlobStore } from './blob-store.ts';
import { storeIsAway } from './storage-error.ts';

/** Where an S3-compatible store is, and who we are there. */
export const S3Options = z.object({
  endpoint: z.url({ protocol: /^https?$/ }),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  region: z.string().min(1),
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
});
export type S3Options = z.infer<typeof S3Options>;

const variables = {
  endpoint: 'STEPSCOPE_S3_ENDPOINT',
  bucket: 'STEPSCOPE_S3_BUCKET',
  region: 'STEPSCOPE_S3_REGION',
  accessKeyId: 'STEPSCOPE_S3_ACCESS_KEY_ID',
  secretAccessKey: 'STEPSCOPE_S3_SECRET_ACCESS_KEY',
} as const;

/** The store that the environment names, if any; `@path` stands for what a file holds. Throws `UserError` `usage` for half of one. */
export function s3FromEnvironment(environment: NodeJS.ProcessEnv): S3Options | undefined {
  const given = Object.entries(variables).flatMap(([name, variable]) => {
    const value = environment[variable];
    return value === undefined || value === ''
      ? []
      : [[name, value.startsWith('@') ? contentsOf(variable, value.slice(1)) : value] as const];
  });
  if (given.length === 0) return undefined;
  const options = S3Options.safeParse({ region: 'us-east-1', ...Object.fromEntries(given) });
  if (options.success) return options.data;
  const wrong = [...new Set(options.error.issues.map((issue) => variables[issue.path[0] as keyof typeof variables]))];
  throw new UserError('usage', `the S3 store is not described: ${wrong.join(', ')} missing or wrong`, {
    hint: `Set ${Object.values(variables).join(', ')}, or none of them`,
  });
}

function contentsOf(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new UserError('usage', `${variable} names a file that cannot be read: ${path}`, { cause: error });
  }
}

/** Time the store has to begin an answer. */
const answerMs = 15_000;
/** Every request can be repeated: a version is written once, under an id of its own. */
const attempts = 3;
const firstPauseMs = 200;

/**
 * Contents in an S3-compatible store, under `<bucket>/<id of the version>`. Throws `UserError` `usage` when
 * the bucket is not there or not ours; a store that does not answer now may later.
 */
export async function openS3Store(options: S3Options): Promise<BlobStore> {
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = options;
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
  const address = (id: string): string => `${endpoint.replace(/\/+$/, '')}/${bucket}/${id}`;

  async function once(url: string, init: RequestInit): Promise<Response> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), answerMs);
    try {
      return await client.fetch(url, { ...init, signal: late.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  /** An answer below 500. */
  async function ask(url: string, init: RequestInit = {}): Promise<Response> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const response = await once(url, init).catch(() => undefined);
      if (response !== undefined && response.status < 500 && response.status !== 429) return response;
      await response?.body?.cancel();
      if (attempt < attempts) await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 2 ** attempt * Math.random()));
    }
    throw storeIsAway();
  }

  async function succeed(url: string, init: RequestInit): Promise<void> {
    const response = await ask(url, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`the S3 store answered ${init.method} with ${response.status}: ${text.slice(0, 300)}`);
  }

  const probe = await ask(address(''), { method: 'HEAD' }).catch(() => undefined);
  if (probe !== undefined && !probe.ok) {
    const why = probe.status === 404 ? 'has no such bucket' : `answered ${probe.status}`;
    throw new UserError('usage', `the S3 store at ${endpoint} cannot keep files in ${bucket}: it ${why}`, {
      hint: 'Look at STEPSCOPE_S3_BUCKET, STEPSCOPE_S3_ACCESS_KEY_ID and STEPSCOPE_S3_SECRET_ACCESS_KEY',
    });
  }

  return {
    async put(id, file) {
      // A blob of a file is read while it is sent, and has a length, which S3 asks for.
      const body = await openAsBlob(file.path);
      await succeed(address(id), { method: 'PUT', body, headers: { 'x-amz-content-sha256': file.sha256 } });
      await rm(file.path, { force: true });
    },
    async get(id, range) {
      const response = await ask(address(id), { headers: range === undefined ? {} : { range: `bytes=${range.first}-${range.last}` } });
      if (response.ok) return response.body ?? new Blob([]).stream();
      await response.body?.cancel();
      if (response.status === 404) return undefined;
      throw new Error(`the S3 store answered ${response.status}`);
    },
    copy: async (from, to) => await succeed(address(to), { method: 'PUT', headers: { 'x-amz-copy-source': `/${bucket}/${from}` } }),
    remove: async (id) => await succeed(address(id), { method: 'DELETE' }),
  };
}
