import type { Database } from '../../storage/database.ts';
import type { Fanout } from '../fanout/fanout.ts';
import type { Identify } from '../identity.ts';
import { readCatalog, type Catalog } from './catalog.ts';
import { createChangeFeed, type ChangeFeed } from './change-feed.ts';
import { createRooms, type Rooms } from './rooms.ts';

/** What all sockets of a server share. */
export interface Hub {
  readonly database: Database;
  readonly identify: Identify;
  readonly catalog: Catalog;
  readonly changes: ChangeFeed;
  readonly rooms: Rooms;
}

export async function createHub(database: Database, identify: Identify, fanout: Fanout): Promise<Hub> {
  const catalog = await readCatalog(database);
  return { database, identify, catalog, changes: await createChangeFeed(database, catalog), rooms: createRooms(fanout) };
}
