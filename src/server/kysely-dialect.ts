import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { DatabaseError, type Database, type Transaction } from '../storage/database.ts';

/** Tables are not known here: the Data API learns them from the database. */
type AnyTables = Record<string, Record<string, unknown>>;

/**
 * A query builder that takes its turn in the database's one queue for every query and every transaction. It
 * runs as the owner of the tables: only for the Data API's knowledge of the schema and for Auth's own tables.
 */
export function ownerKysely(database: Database): Kysely<AnyTables> {
  return new Kysely<AnyTables>({
    dialect: dialect({
      acquire: async () => {
        const connection = await database.acquire();
        return { transaction: connection, release: () => connection.release() };
      },
      begin: async (transaction) => void (await transaction.query('begin')),
      commit: async (transaction) => void (await transaction.query('commit')),
      rollback: async (transaction) => void (await transaction.query('rollback')),
    }),
  });
}

/** A query builder inside a transaction that somebody else opened, set up and will end. */
export function kyselyWithin(transaction: Transaction): Kysely<AnyTables> {
  const nothing = async (): Promise<void> => {};
  return new Kysely<AnyTables>({
    dialect: dialect({ acquire: async () => ({ transaction, release: nothing }), begin: nothing, commit: nothing, rollback: nothing }),
  });
}

interface Turn {
  readonly transaction: Transaction;
  readonly release: () => Promise<void>;
}

interface Source {
  acquire(): Promise<Turn>;
  begin(transaction: Transaction): Promise<void>;
  commit(transaction: Transaction): Promise<void>;
  rollback(transaction: Transaction): Promise<void>;
}

type OpenConnection = DatabaseConnection & Turn;

function dialect(source: Source): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (kysely) => new PostgresIntrospector(kysely),
    createDriver: () => driver(source),
  };
}

function driver(source: Source): Driver {
  const opened = (connection: DatabaseConnection): OpenConnection => connection as OpenConnection;
  return {
    init: async () => {},
    destroy: async () => {},
    acquireConnection: async () => connect(await source.acquire()),
    releaseConnection: async (connection) => await opened(connection).release(),
    beginTransaction: async (connection) => await source.begin(opened(connection).transaction),
    commitTransaction: async (connection) => await source.commit(opened(connection).transaction),
    rollbackTransaction: async (connection) => await source.rollback(opened(connection).transaction),
  };
}

function connect(turn: Turn): OpenConnection {
  const { transaction } = turn;
  return {
    ...turn,
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      // A name out of a request can end up in the text, and a NUL in it ends the text for Postgres.
      if (query.sql.includes('\0')) throw new DatabaseError('a name with a NUL in it', { code: '42602' });
      const { rows, affectedRows } = await transaction.query<Row>(withRowsOfDefaults(query.sql), query.parameters);
      return { rows: [...rows], numAffectedRows: BigInt(affectedRows) };
    },
    streamQuery() {
      throw new Error('answers are not streamed: nothing here reads more than fits in memory');
    },
  };
}

/**
 * Rows without a column, `insert into "t" () values (), ()`, in a form that Postgres knows: as many rows of
 * defaults, so that an empty row is stored, or refused for what is really wrong with it.
 */
function withRowsOfDefaults(sql: string): string {
  return sql.replace(/^(insert into (?:"(?:[^"]|"")+"\.?)+) \(\) values (\(\)(?:, \(\))*)/, (_, target: string, rows: string) => {
    return `${target} select from generate_series(1, ${rows.split(', ').length})`;
  });
}
