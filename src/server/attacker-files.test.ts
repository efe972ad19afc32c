import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../storage/database.ts';
import { startAttack, type Attack } from './testing-attacker.ts';
import { serviceClient } from './testing-clients.ts';
import type { TestBackend } from './testing.ts';

/*
 * What somebody would try who has the publishable key and an account without a role. Everything is refused
 * with an error that has a code, and nothing is the server's fault.
 */

describe.each<Database['engine']>(['pglite', 'postgres'])('on %s', (engine) => {
  let backend: TestBackend;
  let ask: Attack['ask'];
  let [mine, theirs, token, theirToken] = ['', '', '', ''];

  beforeAll(async () => {
    ({ backend, ask, mine, theirs, token, theirToken } = await startAttack(engine));
  }, 60_000);
  afterAll(async () => await backend.stop());

  describe('files', () => {
    it.each([
      'canary.txt',
      '../uploads/{}/canary.txt',
      '%2e%2e/{}/canary.txt',
      '..%2f{}%2fcanary.txt',
      './{}/canary.txt',
      '//{}/canary.txt',
      '{}//canary.txt',
      '{}/./canary.txt',
      '{}\\canary.txt',
      '%252e%252e%252f{}',
      '{}/canary.txt%00',
      '/etc/passwd',
      '..%5c..%5cetc',
      'C:%5cx',
      `${'x'.repeat(1_100)}`,
    ])('of others are not at %s', async (template) => {
      for (const bucket of ['uploads', '..']) {
        const path = `/storage/v1/object/${bucket}/${template === 'canary.txt' ? `${theirs}/canary.txt` : template.replace('{}', theirs)}`;
        for (const [at, asked] of [
          [path, {}],
          [path, { body: 'x', headers: { 'content-type': 'text/plain' } }],
          [path, { method: 'PUT', body: 'x', headers: { 'x-upsert': 'true', 'content-type': 'text/plain' } }],
          [path.replace('/object/', '/object/sign/'), { body: { expiresIn: 60 } }],
        ] as const) {
          const answer = await ask(at, asked);
          expect({ at, status: answer.status, code: answer.code, text: answer.text }).toEqual({
            at,
            status: expect.toSatisfy((status: number) => status >= 400 && status < 500),
            code: expect.toSatisfy((code: unknown) => code !== undefined),
            text: expect.not.stringMatching(/canary$|root:/),
          });
        }
      }
    });

    it('cannot be moved, copied, listed, removed or signed for', async () => {
      const object = '/storage/v1/object';
      for (const [path, body] of [
        [`${object}/move`, { bucketId: 'uploads', sourceKey: `${theirs}/canary.txt`, destinationKey: `${mine}/mine.txt` }],
        [`${object}/copy`, { bucketId: 'uploads', sourceKey: `${theirs}/canary.txt`, destinationKey: `${mine}/mine.txt` }],
        [`${object}/sign/uploads/${theirs}/canary.txt`, { expiresIn: 60 }],
        [`${object}/upload/sign/uploads/${theirs}/new.txt`, {}],
      ] as const)
        expect(await ask(path, { body })).toMatchObject({ status: 400, code: expect.anything() });
      expect((await ask(`${object}/list/uploads`, { body: { prefix: theirs } })).text).toBe('[]');
      await ask(`${object}/uploads`, { method: 'DELETE', body: { prefixes: [`${theirs}/canary.txt`] } });
      expect((await ask(`${object}/uploads/${theirs}/canary.txt`, { token: theirToken })).text).toBe('canary');
    });

    it('whose signed address was altered stay closed', async () => {
      const { data } = await serviceClient(backend).storage.from('uploads').createSignedUrl(`${theirs}/canary.txt`, 60);
      const signed = new URL(data!.signedUrl);
      const altered = `${signed.pathname.replace('uploads', 'outputs')}${signed.search}`;
      for (const path of [
        altered,
        `${signed.pathname}${signed.search}x`,
        `${signed.pathname}?token=`,
        signed.pathname,
        `${signed.pathname}?token=${token}`,
      ])
        expect(await ask(path, { key: null, token: null })).toMatchObject({
          status: expect.toSatisfy((status: number) => [400, 403].includes(status)),
          code: expect.anything(),
          text: expect.not.stringMatching(/^canary/),
        });
    });
  });
});
