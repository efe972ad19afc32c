import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../client/backend.ts';
import { connectBackend } from '../../client/connect-backend.ts';
import { fetchFile } from '../../client/files.ts';
import { startTestBackend } from '../../server/testing.ts';
import { encodePng } from '../pictures/png.ts';
import { shownPicture } from './pictures.ts';

const file = encodePng({ width: 6, height: 4, rgba: new Uint8Array(96).fill(200) });
const room = { columns: 20, rows: 10 };

let testBackend: Awaited<ReturnType<typeof startTestBackend>>;
let backend: Backend;
/** What others serve. */
const elsewhere = createServer((request, response) => {
  if (request.url === '/moved') response.writeHead(302, { location: 'http://169.254.169.254/secrets' }).end();
  else if (request.url === '/endless') {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  } else if (request.url === '/picture') response.end(file);
  else response.writeHead(410, 'Gone').end();
});
let base: string;

beforeAll(async () => {
  testBackend = await startTestBackend();
  backend = await connectBackend({ url: testBackend.url, key: testBackend.keys.secretKey });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
});
afterAll(async () => {
  elsewhere.closeAllConnections();
  elsewhere.close();
  await backend.close();
  await testBackend.stop();
});

describe('a picture', () => {
  it('is loaded from the storage as whoever is signed in, and decoded in a thread of its own', async () => {
    const stored = await fetch(`${testBackend.url}/storage/v1/object/outputs/tests/p.png`, { method: 'POST', headers: { apikey: testBackend.keys.secretKey, authorization: `Bearer ${testBackend.keys.secretKey}`, 'content-type': 'image/png' }, body: new Uint8Array(file) });
    expect(stored.status).toBe(200);
    expect(await shownPicture(backend, { at: { kind: 'storage', address: 'outputs/tests/p.png' }, style: 'blocks', room })).toMatchObject({ format: 'PNG', width: 6, height: 4, bytes: file.length, pixels: { width: 6, height: 4 } });
    await expect(shownPicture(backend, { at: { kind: 'storage', address: 'outputs/tests/none.png' }, style: 'blocks', room })).rejects.toMatchObject({ code: 'not-found' });
    await expect(backend.storedFile('outputs/tests/p.png', 10)).rejects.toMatchObject({ code: 'too-large', message: expect.stringContaining('at most 10 B are loaded') });
  });

  it('is loaded from elsewhere without following, without end, and with a sentence when it is gone', async () => {
    expect(await shownPicture(backend, { at: { kind: 'url', address: `${base}/picture` }, style: 'iterm', room })).toMatchObject({ width: 6, sequence: { cells: { columns: 20, rows: 7 } } });
    await expect(fetchFile(`${base}/moved`, 1_000)).rejects.toThrow('leads on to 169.254.169.254, which was not asked for');
    await expect(fetchFile(`${base}/endless`, 1_000_000)).rejects.toMatchObject({ code: 'too-large' });
    await expect(fetchFile(`${base}/gone`, 1_000)).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('answered 410 Gone') });
    await expect(fetchFile('file:///etc/passwd', 1_000)).rejects.toMatchObject({ code: 'usage' });
  });

  it('that cannot be decoded says why', async () => {
    await expect(shownPicture(backend, { at: { kind: 'url', address: `${base}/picture?as=text` }, style: 'blocks', room })).rejects.toMatchObject({ message: expect.stringContaining('answered 410') });
  });
});
