import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startTestBackend } from '../testing.ts';
import { createDiskStore, removeAbandoned } from './blob-store.ts';
import { receiveFile } from './receive-file.ts';
import { openS3Store, s3FromEnvironment } from './s3-store.ts';
import { answerOf } from './storage-error.ts';
import { describeStorage } from './storage-contract.ts';
import { startTestS3 } from './testing-s3.ts';

const root = await mkdtemp(join(tmpdir(), 'stepscope-storage-'));
const filesDirectory = join(root, 'files');
const filesIn = async (directory: string): Promise<number> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile()).length;

const store = await startTestS3(join(root, 's3'));
const s3 = store.options;

afterAll(async () => {
  await store.stop();
  await rm(root, { recursive: true, force: true });
});

describeStorage(
  'on disk',
  async () => await startTestBackend({ server: { filesDirectory } }),
  async () => await filesIn(filesDirectory),
);

const objectsInS3 = async (): Promise<number> =>
  (await readdir(join(root, 's3', s3.bucket)).catch(() => [])).filter((name) => name.endsWith('_object')).length;
describeStorage('in an S3-compatible store', async () => await startTestBackend({ engine: 'postgres', server: { s3 } }), objectsInS3);

describe('an S3-compatible store', () => {
  it('that is away is a typed 503, and what was there is there when it comes back', async () => {
    const blobs = await openS3Store(s3);
    await blobs.put('kept', await receiveFile(join(root, 'sent'), [Buffer.from('kept')] as never, 100));
    await store.stop();
    const error: unknown = await blobs.get('kept').catch((thrown: unknown) => thrown);
    const answer = answerOf(error, true)!;
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
      503,
      '1',
      expect.objectContaining({ code: 'unavailable', statusCode: '503' }),
    ]);
    await expect(blobs.copy('kept', 'lost')).rejects.toThrow('does not answer now');
    await store.start();
    expect(await new Response(await blobs.get('kept')).text()).toBe('kept');
    await blobs.remove('kept');
    expect(await blobs.get('kept')).toBeUndefined();
  });

  it('that does not know us, or our bucket, is said at the start', async () => {
    await expect(openS3Store({ ...s3, secretAccessKey: 'guess' })).rejects.toThrow(expect.objectContaining({ code: 'usage' }));
    await expect(openS3Store({ ...s3, bucket: 'not-here' })).rejects.toThrow('no such bucket');
  });
});

describe('the environment', () => {
  const whole = { STEPSCOPE_S3_ENDPOINT: 'https://s3.example', STEPSCOPE_S3_BUCKET: 'files', STEPSCOPE_S3_ACCESS_KEY_ID: 'id' };

  it('names an S3-compatible store or none, its secret by a file if one likes', async () => {
    expect(s3FromEnvironment({})).toBeUndefined();
    await writeFile(join(root, 'secret'), 'from a file\n');
    expect(s3FromEnvironment({ ...whole, STEPSCOPE_S3_SECRET_ACCESS_KEY: `@${join(root, 'secret')}` })).toMatchObject({
      bucket: 'files',
      region: 'us-east-1',
      secretAccessKey: 'from a file',
    });
    expect(() => s3FromEnvironment(whole)).toThrow('STEPSCOPE_S3_SECRET_ACCESS_KEY missing');
    expect(() => s3FromEnvironment({ ...whole, STEPSCOPE_S3_SECRET_ACCESS_KEY: '@/nonexistent' })).toThrow('cannot be read');
  });
});

describe('a file on disk', () => {
  it('is private, is replaced by a whole one or not at all, and leaves nothing behind when its upload breaks off', async () => {
    const directory = join(root, 'broken');
    const half = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new TypeError('terminated');
    };
    await expect(receiveFile(directory, half(), 100)).rejects.toThrow('ended before');
    await expect(receiveFile(directory, [Buffer.alloc(60), Buffer.alloc(60)] as never, 100)).rejects.toThrow(
      expect.objectContaining({ status: 413 }),
    );
    expect(await readdir(directory)).toEqual([]);
    const disk = createDiskStore(directory);
    await disk.put('one', await receiveFile(directory, [Buffer.from('whole')] as never, 100));
    expect(await new Response(await disk.get('one', { first: 1, last: 3 })).text()).toBe('hol');
    expect(await disk.get('none')).toBeUndefined();
  });

  it('that a server received when it died is removed by a later one, not one that is on its way', async () => {
    const directory = join(root, 'incoming');
    await receiveFile(directory, [Buffer.from('on its way')] as never, 100);
    await writeFile(join(directory, 'old'), 'x');
    await utimes(join(directory, 'old'), new Date(0), new Date(0));
    await removeAbandoned(directory);
    expect(await readdir(directory)).toHaveLength(1);
    expect(await readdir(directory)).not.toContain('old');
  });
});
