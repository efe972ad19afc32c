import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { expect } from 'vitest';
import type { Database } from '../storage/database.ts';
import { anonClient, serviceClient } from './testing-clients.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

export interface Answer {
  readonly status: number;
  /** `code` of the Data API, `error_code` of Auth, `error` of Storage. */
  readonly code: unknown;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  readonly token?: string | null;
  readonly key?: string | null;
}

/** Somebody with the publishable key and an account without a role, and what is not theirs: rows and files with the word `canary`. */
export interface Attack {
  readonly backend: TestBackend;
  /** Ids of the attacker and of the user whose files are there. */
  readonly mine: string;
  readonly theirs: string;
  readonly token: string;
  readonly refreshToken: string;
  readonly theirToken: string;
  readonly theirRefreshToken: string;
  /** Asks as the attacker unless told otherwise, also with headers that fetch would not send. */
  ask(this: void, path: string, asked?: Ask): Promise<Answer>;
  /** Asserts a refusal with this code, which tells nothing that was not the asker's. */
  refused(this: void, path: string, asked: Ask, status: number, code: unknown): Promise<void>;
  /** The secret key instead: what not even the service may do. */
  asService(this: void): Ask;
}

/** Where the Data API is. */
export const rest = '/rest/v1';

/** Stands a backend up to attack. Stop it in `afterAll`. */
export async function startAttack(engine: Database['engine']): Promise<Attack> {
  const backend = await startTestBackend({ engine });
  const [me, they] = await Promise.all([backend.addUser(), backend.addUser()]);
  const [signedIn, victim] = await Promise.all([
    anonClient(backend).auth.signInWithPassword(me),
    anonClient(backend).auth.signInWithPassword(they),
  ]);
  const [mine, theirs] = [me.id, they.id];
  const { access_token: token, refresh_token: refreshToken } = signedIn.data.session!;
  const { access_token: theirToken, refresh_token: theirRefreshToken } = victim.data.session!;
  const service = serviceClient(backend);
  await service
    .from('test_execution_runs')
    .insert({ test_run_id: 'secret', inputs: { prompt: 'canary' } })
    .throwOnError();
  await service.from('test_execution_logs').insert({ test_run_id: 'secret', message: 'canary' }).throwOnError();
  await service
    .from('models')
    .insert({ model_record_id: 'm', model_name: 'm', model_provider: 'x', model_content_type: 'y', provider_ref: 'z' })
    .throwOnError();
  for (const bucket of ['uploads', 'outputs']) await service.storage.from(bucket).upload(`${theirs}/canary.txt`, Buffer.from('canary'));

  async function ask(
    path: string,
    { method, headers = {}, body, token: bearer = token, key = backend.keys.publishableKey }: Ask = {},
  ): Promise<Answer> {
    const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    return await new Promise((resolve, reject) => {
      const request = httpRequest(
        backend.url,
        {
          path,
          method: method ?? (text === undefined ? 'GET' : 'POST'),
          headers: {
            ...(key !== null && { apikey: key }),
            ...(bearer !== null && { authorization: `Bearer ${bearer}` }),
            ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, code: codeOf(answer), text: answer });
          });
        },
      );
      request.on('error', reject).end(text);
    });
  }

  async function refused(path: string, asked: Ask, status: number, code: unknown): Promise<void> {
    const answer = await ask(path, asked);
    expect({ path: path.slice(0, 200), status: answer.status, code: answer.code }).toEqual({ path: path.slice(0, 200), status, code });
    expect(answer.text).not.toContain('canary');
  }

  const asService = (): Ask => ({ key: backend.keys.secretKey, token: null });
  return { backend, mine, theirs, token, refreshToken, theirToken, theirRefreshToken, ask, refused, asService };
}

function codeOf(text: string): unknown {
  try {
    const body = JSON.parse(text) as { code?: unknown; error_code?: unknown; error?: unknown };
    return body.error_code ?? body.code ?? body.error;
  } catch {
    return undefined;
  }
}