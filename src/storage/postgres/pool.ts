import postgres from 'postgres';
import { UserError } from '../../protocol/error.ts';
import { createQueue } from '../queue.ts';
import { parsers, serializers } from '../values.ts';

const CONNECT_TIMEOUT_S = 10;
const END_TIMEOUT_S = 5;

/** One connection. When it is lost it stays lost, so that nobody goes on with half a transaction. */
export interface Link {
  readonly sql: postgres.Sql;
  isLost(): boolean;
  /** Ends it by force. */
  discard(): void;
}

export interface Pool {
  /** A connection of one's own until it is given back. Waits for its turn. */
  take(): Promise<{ readonly link: Link; readonly giveBack: () => void }>;
  /** For LISTEN alone; it connects again by itself. */
  readonly listener: postgres.Sql;
  close(): Promise<void>;
}

/**
 * A pool of single connections. The library's own pool does not tell a borrower that a connection was
 * lost and replaced, and a borrower in a transaction must know.
 */
export function createPool(url: string, places: number): Pool {
  const queue = createQueue({ places });
  const idle: Link[] = [];
  const all = new Set<Link>();
  const listener = connect(url, () => {});
  let closed = false;

  function open(): Link {
    let isLost = false;
    const sql = connect(url, () => {
      isLost = true;
      all.delete(link);
    });
    const link: Link = {
      sql,
      isLost: () => isLost,
      discard() {
        isLost = true;
        all.delete(link);
        sql.end({ timeout: 0 }).catch(() => {});
      },
    };
    all.add(link);
    return link;
  }

  return {
    async take() {
      if (closed) throw new UserError('unavailable', 'the database was closed');
      const leave = await queue.enter();
      let link = idle.pop();
      while (link?.isLost()) link = idle.pop();
      const taken = link ?? open();
      return {
        link: taken,
        giveBack() {
          if (!taken.isLost()) idle.push(taken);
          leave();
        },
      };
    },
    listener,
    async close() {
      closed = true;
      await Promise.all([listener, ...Array.from(all, ({ sql }) => sql)].map((sql) => sql.end({ timeout: END_TIMEOUT_S })));
    },
  };
}

function connect(url: string, onclose: () => void): postgres.Sql {
  const types = Object.fromEntries(
    Object.entries(serializers).map(([type, serialize]) => {
      const oid = Number(type);
      return [`oid${oid}`, { to: oid, from: [oid], serialize, parse: parsers[oid] ?? String }];
    }),
  );
  try {
    return postgres(url, {
      max: 1,
      types,
      // Statements are not kept: a pooler in between, or a migration, would invalidate them.
      prepare: false,
      connect_timeout: CONNECT_TIMEOUT_S,
      max_lifetime: null,
      connection: { application_name: 'stepscope', TimeZone: 'UTC' },
      onnotice: () => {},
      onclose,
    });
  } catch (error) {
    throw new UserError('usage', 'the database URL cannot be read', { hint: 'It looks like postgres://user@host:5432/name', cause: error });
  }
}
