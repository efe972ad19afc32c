import postgres from 'postgres';
import { UserError } from '../../protocol/error.ts';
import { createQueue } from '../queue.ts';
import { parsers, serializers } from '../values.ts';

const CONNECT_TIMEOUT_S = 5;
const END_TIMEOUT_S = 5;
/** Pauses between attempts to connect while the server does not answer. */
const RETRY_AFTER_MS = { first: 100, longest: 2_000 } as const;

/** One connection. When it is lost it stays lost, so that nobody goes on with half a transaction. */
export interface Link {
  readonly sql: postgres.Sql;
  isLost(): boolean;
  /** The answer, or a rejection once it is lost: the library forgets statements that come between an error and the end of a connection. */
  untilLost<T>(answer: PromiseLike<T>): Promise<T>;
  /** Ends it by force. `stuck` when the server does not answer on it, as it then will not on another. */
  discard(reason: 'broken' | 'stuck'): void;
}

/** Whoever used a connection that is lost is told this. */
export function connectionLost(): UserError {
  return new UserError('unavailable', 'the connection to the database was lost', { hint: 'Try again; what was acknowledged is stored' });
}

export interface Pool {
  /**
   * A connection of one's own until it is given back. Waits for its turn.
   *
   * @throws UserError `unavailable`, at once, while the server does not answer and the next attempt is not due.
   */
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
  const attempts = createAttempts();
  const listener = connect(url, {});
  let arrayTypes: Promise<ArrayTypes> | undefined;
  let closed = false;

  async function open(): Promise<Link> {
    const attempt = attempts.begin();
    try {
      arrayTypes ??= readArrayTypes(url);
      const types = await arrayTypes;
      return openLink(types, attempt);
    } catch (error) {
      arrayTypes = undefined;
      attempt.lost();
      throw error;
    }
  }

  function openLink(types: ArrayTypes, attempt: Attempt): Link {
    let isLost = false;
    // Whoever waits, and no promise that lives as long as the connection: in a race it would keep every answer.
    const waiting = new Set<(error: UserError) => void>();
    function lose(): void {
      isLost = true;
      all.delete(link);
      for (const reject of waiting) reject(connectionLost());
    }
    const sql = connect(url, {
      onclose() {
        lose();
        attempt.lost();
      },
      onparameter: () => attempt.succeeded(),
    });
    adopt(sql, types);
    const link: Link = {
      sql,
      async untilLost<T>(answer: PromiseLike<T>): Promise<T> {
        const { promise, resolve, reject } = Promise.withResolvers<T>();
        waiting.add(reject);
        answer.then(resolve, reject);
        return await promise.finally(() => waiting.delete(reject));
      },
      isLost: () => isLost,
      discard(reason) {
        lose();
        if (reason === 'stuck') attempt.stuck();
        else attempt.lost();
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
      try {
        let link = idle.pop();
        while (link?.isLost()) link = idle.pop();
        const taken = link ?? (await open());
        return {
          link: taken,
          giveBack() {
            if (!taken.isLost()) idle.push(taken);
            leave();
          },
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
    listener,
    async close() {
      closed = true;
      await Promise.all([listener, ...Array.from(all, ({ sql }) => sql)].map((sql) => sql.end({ timeout: END_TIMEOUT_S })));
    },
  };
}

/** One connection, from the attempt to make it. */
interface Attempt {
  succeeded(): void;
  /** It came to an end: a failure if it never stood. */
  lost(): void;
  /** The server does not even take back what it was asked. */
  stuck(): void;
}

interface Attempts {
  /** @throws UserError `unavailable` while somebody else tries, or the pause is not over. */
  begin(): Attempt;
}

/** While a server does not answer one attempt at a time is made, after pauses that double; nobody waits for them. */
function createAttempts(): Attempts {
  let [failures, notBefore, underWay] = [0, 0, 0];

  return {
    begin() {
      if (failures > 0 && (underWay > 0 || Date.now() < notBefore)) {
        throw new UserError('unavailable', 'the database does not answer now', {
          hint: 'Try again shortly; what was acknowledged is stored',
        });
      }
      let isOpen = true;
      underWay += 1;
      const end = (isFailure: boolean): void => {
        if (isOpen) underWay -= 1;
        isOpen = false;
        failures = isFailure ? failures + 1 : 0;
        notBefore = Date.now() + Math.min(RETRY_AFTER_MS.first * 2 ** (failures - 1), RETRY_AFTER_MS.longest);
      };
      return {
        succeeded: () => isOpen && end(false),
        lost: () => isOpen && end(true),
        stuck: () => end(true),
      };
    },
  };
}

type ArrayTypes = Pick<LibraryOptions, 'parsers' | 'serializers' | 'shared'>;

/** What the library keeps of array types, by type OID. Its types do not tell of it. */
interface LibraryOptions {
  readonly parsers: object;
  readonly serializers: object;
  readonly shared: { readonly typeArrayMap: object };
}

/**
 * The server's array types. Left alone, the library asks for them on every connection before its first
 * statement, and when that fails nobody hears of it but the process, which ends.
 */
async function readArrayTypes(url: string): Promise<ArrayTypes> {
  const sql = connect(url, { fetch_types: true });
  try {
    await sql`select 1`;
    return sql.options as unknown as ArrayTypes;
  } finally {
    await sql.end({ timeout: END_TIMEOUT_S }).catch(() => {});
  }
}

function adopt(sql: postgres.Sql, types: ArrayTypes): void {
  const options = sql.options as unknown as LibraryOptions;
  Object.assign(options.parsers, types.parsers);
  Object.assign(options.serializers, types.serializers);
  Object.assign(options.shared.typeArrayMap, types.shared.typeArrayMap);
}

type ConnectOptions = Pick<postgres.Options<Record<string, never>>, 'fetch_types' | 'onparameter'> & { readonly onclose?: () => void };

function connect(url: string, options: ConnectOptions): postgres.Sql {
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
      fetch_types: false,
      // Statements are not kept: a pooler in between, or a migration, would invalidate them.
      prepare: false,
      connect_timeout: CONNECT_TIMEOUT_S,
      max_lifetime: null,
      connection: { application_name: 'stepscope', TimeZone: 'UTC' },
      onnotice: () => {},
      ...options,
    });
  } catch (error) {
    throw new UserError('usage', 'the database URL cannot be read', { hint: 'It looks like postgres://user@host:5432/name', cause: error });
  }
}
