import type { Claims, Database } from '../../storage/database.ts';
import type { Fanout } from '../fanout/fanout.ts';
import type { Identify } from '../identity.ts';
import { readCatalog, type Catalog } from './catalog.ts';
import { createChangeFeed, type ChangeFeed } from './change-feed.ts';
import { createRooms, type Rooms } from './rooms.ts';

/** Somebody who was turned away from a socket or a topic for who they are. */
export interface SocketRefusal {
  readonly address: string;
  /** Undefined where nobody was known. */
  readonly claims: Claims | undefined;
  readonly topic: string | undefined;
  readonly status: 401 | 403;
  readonly reason: string;
}

/** What all sockets of a server share. */
export interface Hub {
  readonly database: Database;
  readonly identify: Identify;
  readonly catalog: Catalog;
  readonly changes: ChangeFeed;
  readonly rooms: Rooms;
  /** Writes down who was turned away. Never waits. */
  readonly onRefused: (refusal: SocketRefusal) => void;
}

export async function createHub(database: Database, identify: Identify, fanout: Fanout, onRefused: Hub['onRefused']): Promise<Hub> {
  const catalog = await readCatalog(database);
  return { database, identify, catalog, changes: await createChangeFeed(database, catalog), rooms: createRooms(fanout), onRefused };
}
