import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actors, userIds, type Actor } from '../storage/contract/actors.ts';
import { expectedRights, functions, makeRows, matrix } from '../storage/contract/policies-matrix.ts';
import type { Database } from '../storage/database.ts';
import { callers, clientsOfAll, hearOfEverything, restRights, type People } from './testing-policies.ts';
import { startTestBackend, type TestBackend } from './testing.ts';

/*
 * The matrix of rights over the wire: what unmodified clients of each kind can do by REST, hear by Realtime and
 * reach in Storage, against what they should.
 */
describe.each<Database['engine']>(['pglite', 'postgres'])('people of all kinds, on %s', (engine) => {
  let backend: TestBackend;
  let people: People;
  beforeAll(async () => {
    backend = await startTestBackend({ engine });
    await makeRows(backend.database);
    people = await clientsOfAll(backend);
  }, 60_000);
  afterAll(async () => {
    await Promise.all(Object.values(people).map(async (client) => await client.removeAllChannels()));
    await backend.stop();
  });

  it.each(Object.keys(matrix))(
    'have their rights on %s by REST, and no others',
    async (table) => {
      expect(await restRights(backend.database, people, table)).toEqual(expectedRights(table, actors));
    },
    20_000,
  );

  it.each(Object.entries(functions))('may call %s by REST, or not', async (name, { may }) => {
    expect(await callers(people, name)).toEqual(may);
  });

  it('hear by Realtime of the rows they may read, and of no others', async () => {
    const { heard, expected } = await hearOfEverything(backend.database, people);
    expect(heard).toEqual(expected);
  }, 60_000);

  it('reach in Storage what lies under their own id', async () => {
    const own = `${userIds.user}/in.png`;
    const service = people.service.storage.from('uploads');
    expect((await service.upload(own, Buffer.from('bytes'), { contentType: 'image/png' })).error).toBeNull();
    const reach = async (way: (files: ReturnType<typeof people.anon.storage.from>) => Promise<boolean>): Promise<Actor[]> => {
      const able: Actor[] = [];
      for (const actor of actors) if (await way(people[actor].storage.from('uploads'))) able.push(actor);
      return able;
    };
    const readers: readonly Actor[] = ['user', 'admin', 'service'];
    expect(await reach(async (files) => (await files.download(own)).error === null)).toEqual(readers);
    expect(await reach(async (files) => (await files.createSignedUrl(own, 60)).error === null)).toEqual(readers);
    expect(await reach(async (files) => ((await files.list(userIds.user)).data?.length ?? 0) > 0)).toEqual(readers);
    const foreign = `${userIds.user}/of-others`;
    for (const actor of ['anon', 'other'] as const) {
      const files = people[actor].storage.from('uploads');
      expect((await files.upload(`${foreign}-${actor}`, 'x')).error, actor).not.toBeNull();
      expect((await files.upload(own, 'x', { upsert: true })).error, actor).not.toBeNull();
      expect((await files.move(own, `${userIds.other}/in.png`)).error, actor).not.toBeNull();
      expect((await files.copy(own, `${userIds.other}/in.png`)).error, actor).not.toBeNull();
      expect((await files.remove([own])).data ?? [], actor).toEqual([]);
    }
    expect(await (await service.download(own)).data!.text()).toBe('bytes');
    for (const actor of ['admin', 'service'] as const) {
      const files = people[actor].storage.from('uploads');
      expect((await files.upload(`${foreign}-${actor}`, 'x')).error, actor).toBeNull();
      expect((await files.remove([`${foreign}-${actor}`])).data, actor).toHaveLength(1);
    }
  });
});
