import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SupabaseClient } from '@supabase/supabase-js';
import { adminClient, anonClient, serviceClient, userClient } from '../testing-clients.ts';
import type { TestBackend } from '../testing.ts';

/** What Storage keeps to wherever contents lie. `start` stands a backend up, `blobs` counts the contents that are kept. */
export function describeStorage(where: string, start: () => Promise<TestBackend>, blobs: () => Promise<number>): void {
  describe(`files ${where}`, () => {
    let backend: TestBackend;
    let service: SupabaseClient;
    let admin: SupabaseClient;
    let anon: SupabaseClient;
    let ada: SupabaseClient;
    let bob: SupabaseClient;
    let adaId: string;
    let bobId: string;

    const idOf = async (client: SupabaseClient): Promise<string> => (await client.auth.getSession()).data.session!.user.id;
    const outputs = (client: SupabaseClient) => client.storage.from('outputs');
    const textOf = async (client: SupabaseClient, name: string): Promise<string | undefined> =>
      await (await outputs(client).download(name)).data?.text();

    beforeAll(async () => {
      backend = await start();
      [service, anon] = [serviceClient(backend), anonClient(backend)];
      [admin, ada, bob] = await Promise.all([adminClient(backend), userClient(backend), userClient(backend)]);
      [adaId, bobId] = await Promise.all([idOf(ada), idOf(bob)]);
    }, 60_000);
    afterAll(async () => await backend.stop());

    it('are uploaded, described, read in ranges, and removed by whose folder it is', async () => {
      const name = `${adaId}/in put ü.png`;
      const uploaded = await ada.storage
        .from('uploads')
        .upload(name, Buffer.from('0123456789'), { contentType: 'image/png', cacheControl: '60', metadata: { from: 'camera' } });
      expect(uploaded).toMatchObject({ error: null, data: { path: name, fullPath: `uploads/${name}`, id: expect.any(String) } });
      const { data: info } = await ada.storage.from('uploads').info(name);
      expect(info).toMatchObject({ size: 10, contentType: 'image/png', cacheControl: 'max-age=60', metadata: { from: 'camera' } });
      expect((await ada.storage.from('uploads').exists(name)).data).toBe(true);
      expect((await ada.storage.from('uploads').exists(`${adaId}/none.png`)).data).toBe(false);

      const ask = async (headers: Record<string, string>, method = 'GET') =>
        await fetch(`${backend.url}/storage/v1/object/authenticated/uploads/${encodeURI(name)}`, {
          method,
          headers: { apikey: backend.keys.secretKey, ...headers },
        });
      const head = await ask({}, 'HEAD');
      expect(Object.fromEntries(head.headers)).toMatchObject({
        'content-length': '10',
        'content-type': 'image/png',
        'cache-control': 'max-age=60',
        'accept-ranges': 'bytes',
        'x-content-type-options': 'nosniff',
      });
      const part = await ask({ range: 'bytes=2-4' });
      expect({ status: part.status, range: part.headers.get('content-range'), text: await part.text() }).toEqual({
        status: 206,
        range: 'bytes 2-4/10',
        text: '234',
      });
      expect(await (await ask({ range: 'bytes=-3' })).text()).toBe('789');
      expect((await ask({ range: 'bytes=10-' })).status).toBe(416);
      expect((await ask({ 'if-none-match': head.headers.get('etag')! })).status).toBe(304);

      expect((await ada.storage.from('uploads').remove([name])).data).toMatchObject([{ name }]);
      expect((await ada.storage.from('uploads').download(name)).error).toMatchObject({ status: 400, statusCode: '404' });
      expect(await blobs()).toBe(0);
    });

    it('come as forms and streams too, empty or large, and are replaced whole', async () => {
      const name = `${adaId}/form.txt`;
      const types = async () => (await outputs(ada).info(name)).data;
      await outputs(ada).upload(name, new Blob(['from a form'], { type: 'text/markdown' }), { cacheControl: '5', metadata: { a: 1 } });
      expect(await textOf(ada, name)).toBe('from a form');
      expect(await types()).toMatchObject({ contentType: 'text/markdown', cacheControl: 'max-age=5', metadata: { a: 1 } });
      expect((await outputs(ada).upload(name, 'again')).error).toMatchObject({
        statusCode: '409',
        message: expect.stringMatching(/exists/),
      });
      expect((await outputs(ada).upload(name, new Blob(['replaced']), { upsert: true })).error).toBeNull();
      expect(await textOf(ada, name)).toBe('replaced');
      expect((await outputs(ada).update(name, new Blob(['updated']))).error).toBeNull();
      expect(await textOf(ada, name)).toBe('updated');
      const large = new Uint8Array(5_000_000).fill(7);
      const stream = new Blob([large]).stream();
      expect((await outputs(ada).update(name, stream, { duplex: 'half' })).error).toBeNull();
      expect((await (await outputs(ada).download(name)).data!.arrayBuffer()).byteLength).toBe(large.length);
      await outputs(ada).update(name, '');
      expect(await textOf(ada, name)).toBe('');
      expect(await blobs()).toBe(1);
      await outputs(ada).remove([name]);
      expect(await blobs()).toBe(0);
    });

    it('are listed by folder, under the names they have in it', async () => {
      for (const name of ['b.txt', 'a.txt', 'deep/one.txt', 'deep/er/two.txt', 'else/three.txt'])
        await outputs(ada).upload(`${adaId}/${name}`, name);
      const names = async (path: string, options = {}) =>
        (await outputs(ada).list(path, options)).data!.map((entry) => [entry.name, entry.id === null]);
      expect(await names('')).toEqual([[adaId, true]]);
      expect(await names(adaId)).toEqual([
        ['deep', true],
        ['else', true],
        ['a.txt', false],
        ['b.txt', false],
      ]);
      expect(await names(`${adaId}/deep/`)).toEqual([
        ['er', true],
        ['one.txt', false],
      ]);
      expect(await names(adaId, { sortBy: { column: 'name', order: 'desc' } })).toEqual([
        ['else', true],
        ['deep', true],
        ['b.txt', false],
        ['a.txt', false],
      ]);
      expect(await names(adaId, { limit: 2, offset: 1 })).toEqual([
        ['else', true],
        ['a.txt', false],
      ]);
      expect(await names(adaId, { search: 'B' })).toEqual([['b.txt', false]]);
      // Not a pattern, whatever SQL makes of these characters.
      expect(await names(adaId.replace(/./, '_'))).toEqual([]);
      expect((await outputs(ada).list(adaId, { sortBy: { column: 'name; drop table x', order: 'asc' } })).error).toMatchObject({
        status: 400,
      });
      expect((await outputs(ada).list(adaId)).data!.at(-1)).toMatchObject({
        name: 'b.txt',
        metadata: { size: 5, mimetype: 'text/plain;charset=UTF-8' },
      });
      await outputs(ada).remove(['b.txt', 'a.txt', 'deep/one.txt', 'deep/er/two.txt', 'else/three.txt'].map((name) => `${adaId}/${name}`));
    });

    it('move and are copied within the folder of their user', async () => {
      await outputs(ada).upload(`${adaId}/one.txt`, 'one', { contentType: 'text/css' });
      expect((await outputs(ada).copy(`${adaId}/one.txt`, `${adaId}/copies/two.txt`)).data).toEqual({
        path: `outputs/${adaId}/copies/two.txt`,
      });
      expect((await outputs(ada).move(`${adaId}/one.txt`, `${adaId}/three.txt`, { destinationBucket: 'uploads' })).error).toBeNull();
      expect((await outputs(ada).download(`${adaId}/one.txt`)).error).not.toBeNull();
      expect((await ada.storage.from('uploads').info(`${adaId}/three.txt`)).data).toMatchObject({ contentType: 'text/css' });
      expect(await textOf(ada, `${adaId}/copies/two.txt`)).toBe('one');
      await outputs(ada).upload(`${adaId}/four.txt`, 'four');
      expect((await outputs(ada).move(`${adaId}/four.txt`, `${adaId}/copies/two.txt`)).error).toMatchObject({ statusCode: '409' });
      expect((await outputs(ada).copy(`${adaId}/four.txt`, `${adaId}/copies/two.txt`)).error).toMatchObject({ statusCode: '409' });
      expect(await textOf(ada, `${adaId}/copies/two.txt`)).toBe('one');
      expect((await outputs(ada).move(`${adaId}/none.txt`, `${adaId}/x.txt`)).error).toMatchObject({ statusCode: '404' });
      await outputs(ada).remove([`${adaId}/four.txt`, `${adaId}/copies/two.txt`]);
      await ada.storage.from('uploads').remove([`${adaId}/three.txt`]);
      expect(await blobs()).toBe(0);
    });

    it('of somebody are nobody else’s, by no way', async () => {
      const theirs = `${bobId}/theirs.txt`;
      await outputs(bob).upload(theirs, 'Bob’s');
      await outputs(ada).upload(`${adaId}/mine.txt`, 'Ada’s');
      const refused = { error: expect.objectContaining({ statusCode: '403' }) };
      const unseen = { error: expect.objectContaining({ statusCode: '404' }) };
      for (const client of [ada, anon]) {
        const absent = client === anon ? refused : unseen;
        expect(await outputs(client).download(theirs)).toMatchObject({ error: expect.anything() });
        expect(await outputs(client).info(theirs)).toMatchObject(absent);
        expect(await outputs(client).createSignedUrl(theirs, 60)).toMatchObject(absent);
        expect(await outputs(client).upload(`${bobId}/new.txt`, 'x')).toMatchObject(refused);
        expect(await outputs(client).upload(theirs, 'x', { upsert: true })).toMatchObject(refused);
        expect(await outputs(client).update(theirs, 'x')).toMatchObject(refused);
        expect(await outputs(client).createSignedUploadUrl(`${bobId}/new.txt`)).toMatchObject(refused);
        expect(await outputs(client).createSignedUploadUrl(theirs, { upsert: true })).toMatchObject(refused);
        expect(await outputs(client).move(theirs, `${adaId}/stolen.txt`)).toMatchObject(absent);
        expect(await outputs(client).copy(theirs, `${adaId}/stolen.txt`)).toMatchObject(absent);
        expect(await outputs(client).upload('at the top.txt', 'x')).toMatchObject(refused);
        expect(await outputs(client).upload(bobId, 'x')).toMatchObject(refused);
      }
      expect((await outputs(ada).createSignedUrls([theirs, `${adaId}/mine.txt`], 60)).data).toMatchObject([
        { signedUrl: null, error: expect.any(String) },
        { signedUrl: expect.stringContaining('token='), error: null },
      ]);
      for (const to of [`${bobId}/given.txt`, theirs]) {
        expect(await outputs(ada).move(`${adaId}/mine.txt`, to)).toMatchObject({ error: { statusCode: expect.stringMatching(/403|409/) } });
        expect(await outputs(ada).copy(`${adaId}/mine.txt`, to)).toMatchObject({ error: { statusCode: expect.stringMatching(/403|409/) } });
      }
      expect((await outputs(ada).list(bobId)).data).toEqual([]);
      expect(await outputs(anon).list(bobId)).toMatchObject(refused);
      expect((await outputs(ada).remove([theirs])).data).toEqual([]);
      expect(await ada.storage.createBucket('mine')).toMatchObject(refused);
      expect((await ada.storage.emptyBucket('outputs')).error).not.toBeNull();
      expect((await ada.storage.deleteBucket('uploads')).error).not.toBeNull();
      expect((await outputs(bob).list(bobId)).data).toHaveLength(1);
      expect(await textOf(bob, theirs)).toBe('Bob’s');
      expect([await textOf(admin, theirs), await textOf(service, theirs)]).toEqual(['Bob’s', 'Bob’s']);
      expect((await outputs(admin).remove([theirs, `${adaId}/mine.txt`])).data).toHaveLength(2);
      expect(await blobs()).toBe(0);
    });

    it('are read and written for a while by whoever has an address with a signature, and not by another', async () => {
      const name = `${adaId}/signed name.txt`;
      await outputs(ada).upload(name, 'signed');
      const { data } = await outputs(ada).createSignedUrl(name, 60, { download: 'another name.txt' });
      const got = await fetch(data!.signedUrl);
      expect({ text: await got.text(), as: got.headers.get('content-disposition') }).toEqual({
        text: 'signed',
        as: "attachment; filename*=UTF-8''another%20name.txt",
      });
      const upload = (await outputs(ada).createSignedUploadUrl(`${adaId}/sent.txt`)).data!;
      expect((await outputs(anon).uploadToSignedUrl(upload.path, upload.token, 'sent')).error).toBeNull();
      expect(await textOf(ada, `${adaId}/sent.txt`)).toBe('sent');
      expect((await outputs(anon).uploadToSignedUrl(upload.path, upload.token, 'twice')).error).toMatchObject({ statusCode: '409' });

      const expired = (await outputs(ada).createSignedUrl(name, 1)).data!.signedUrl;
      const [head, payload, signature] = new URL(data!.signedUrl).searchParams.get('token')!.split('.') as [string, string, string];
      const longer = Buffer.from(
        JSON.stringify({ ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), exp: 4e9 }),
      ).toString('base64url');
      const none = Buffer.from('{"alg":"none"}').toString('base64url');
      const session = (await ada.auth.getSession()).data.session!.access_token;
      const link = (path: string, token: string): string => `${backend.url}/storage/v1/object/sign/outputs/${path}?token=${token}`;
      const forged = [
        link(`${adaId}/sent.txt`, `${head}.${payload}.${signature}`),
        link(encodeURI(name), `${head}.${longer}.${signature}`),
        link(encodeURI(name), `${none}.${payload}.`),
        link(encodeURI(name), upload.token),
        link(encodeURI(name), session),
        link(encodeURI(name), ''),
        data!.signedUrl.replace('/outputs/', '/uploads/'),
      ];
      for (const url of forged) {
        const response = await fetch(url);
        expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'InvalidJWT']);
      }
      expect((await outputs(anon).uploadToSignedUrl(`${adaId}/other.txt`, upload.token, 'x')).error).toMatchObject({
        message: expect.stringContaining('signature'),
      });
      // No token of Storage's signs anybody in.
      expect(
        (
          await fetch(`${backend.url}/rest/v1/jobs`, {
            headers: { apikey: backend.keys.publishableKey, authorization: `Bearer ${upload.token}` },
          })
        ).status,
      ).toBe(401);
      await expect.poll(async () => (await fetch(expired)).status, { timeout: 5_000 }).toBe(400);
      await outputs(ada).remove([name, `${adaId}/sent.txt`]);
    });

    it('of a private bucket have no public address, those of a public one have', async () => {
      expect(
        (await service.storage.createBucket('shown', { public: true, fileSizeLimit: 10, allowedMimeTypes: ['text/*'] })).error,
      ).toBeNull();
      const shown = service.storage.from('shown');
      expect((await shown.upload('a.html', '<script>', { contentType: 'text/html' })).error).toBeNull();
      const page = await fetch(shown.getPublicUrl('a.html').data.publicUrl);
      expect([page.status, page.headers.get('content-security-policy')]).toEqual([200, "default-src 'none'; sandbox"]);
      expect((await shown.upload('b.txt', 'more than ten bytes')).error).toMatchObject({ statusCode: '413' });
      expect((await shown.upload('c.png', 'x', { contentType: 'image/png' })).error).toMatchObject({ statusCode: '415' });
      await outputs(service).upload('private.txt', 'x');
      expect((await fetch(outputs(service).getPublicUrl('private.txt').data.publicUrl)).status).toBe(400);
      await outputs(service).remove(['private.txt']);
      expect((await service.storage.deleteBucket('shown')).error).toMatchObject({ message: expect.stringContaining('not empty') });
      expect((await service.storage.emptyBucket('shown')).error).toBeNull();
      expect((await service.storage.updateBucket('shown', { public: false })).error).toBeNull();
      expect((await service.storage.getBucket('shown')).data).toMatchObject({ public: false, file_size_limit: 10 });
      expect((await service.storage.deleteBucket('shown')).error).toBeNull();
      expect(await blobs()).toBe(0);
    });

    it.each([
      ['a long name', `a/${'x'.repeat(1100)}`],
      ...[
        '..%2fsecret',
        'a/..%2f..%2fb',
        '%2e%2e%5cb',
        'a%5c..%5cb',
        'a%00b',
        'a//b',
        '/a',
        '%2fetc%2fpasswd',
        'a/.%2fb',
        'a/%2e%2e',
        '%252e%252e%252fb',
        'a%0ab',
        '\uff0e\uff0e/b',
        'a\uff0f..\uff0fb',
        '\u2025/b',
        'a\u202etxt.exe',
        'a\u200bb',
        'e\u0301',
        'a/ /b',
        'a%3fb',
        'a%23b',
      ].map((name) => [JSON.stringify(name), name]),
    ])('are never called %s', async (_, name) => {
      const headers = { apikey: backend.keys.secretKey, 'content-type': 'text/plain' };
      const url = `${backend.url}/storage/v1/object/outputs/${name}`;
      for (const [method, body] of [
        ['POST', 'x'],
        ['PUT', 'x'],
        ['GET', undefined],
        ['DELETE', undefined],
      ] as const) {
        const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(response.status).toBeLessThan(500);
        expect(await response.json()).toEqual(expect.objectContaining({ code: expect.any(String), message: expect.any(String) }));
      }
      expect(await blobs()).toBe(0);
    });

    it('are not what somebody asks for who asks for nonsense', async () => {
      expect((await service.storage.from('nowhere').upload('a.txt', 'x')).error).toMatchObject({
        statusCode: '404',
        message: 'Bucket not found',
      });
      const ask = async (path: string, body: string) => {
        const response = await fetch(`${backend.url}/storage/v1/${path}`, {
          method: 'POST',
          headers: { apikey: backend.keys.secretKey, 'content-type': 'application/json' },
          body,
        });
        return [response.status, typeof ((await response.json()) as { code: unknown }).code];
      };
      for (const [path, body] of [
        ['object/list/outputs', '['],
        ['object/list/outputs', '{"limit":-1}'],
        ['object/move', '{}'],
        ['object/sign/outputs/a', '{"expiresIn":1e99}'],
        ['bucket', '{"id":"../x"}'],
        ['object/frobnicate', '{}'],
      ]) {
        expect(await ask(path!, body!)).toEqual([400, 'string']);
      }
      expect(await blobs()).toBe(0);
    });
  });
}
