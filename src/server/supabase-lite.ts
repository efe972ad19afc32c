import { App } from '@supabase/lite';
import { createPostgresConnection } from '@supabase/lite/postgres';
import { compare, getRounds, hash } from 'bcryptjs';
import type { Kysely } from 'kysely';
import type { Json } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { Claims, Database, Transaction, TransactionOptions } from '../storage/database.ts';
import { reportBug, withoutPrinting } from './bug-report.ts';
import { quoteJsonStrings } from './json-columns.ts';
import type { BackendKeys } from './keys.ts';
import { kyselyWithin, ownerKysely } from './kysely-dialect.ts';
import { describeFailure, errorResponse, internalError } from './rest-error.ts';
import { unsealed, withSealedFilters } from './rest-filters.ts';
import { withWholeRows } from './rest-rows.ts';
import { storageSchema } from './storage/schema.ts';
import { typedAnswer } from './typed-answer.ts';

/*
 * Supabase's Data API and Auth by @supabase/lite. This is the one file that knows it.
 *
 * It never owns a connection, because its own has two holes: one connection without a queue, through which an
 * anonymous request sees the rows of a service request beside it, and a grant of everything to `anon` on the
 * first request. So every request runs inside `database.asUser`, in a transaction that is set to its claims
 * before the Data API sees it, and the grants are those of our migrations.
 */

export interface SupabaseLite {
  /** Answers `/rest/v1` and `/auth/v1`. Credentials must have been checked: see `front.ts`. */
  fetch(request: Request): Promise<Response>;
  /** Reads the schema, which the first request would otherwise wait for. */
  warm(): Promise<void>;
  /** True for a table or view the Data API knows in `public`. */
  knowsRelation(name: string): Promise<boolean>;
  /** Makes the user if there is none, and the password theirs: one that a program made, with 128 bits of chance or more. Returns their id. */
  ensureUser(user: { readonly email: string; readonly password: string }): Promise<string>;
  /** Makes a user under a name that nobody has, with what Auth keeps beside it, and not signed in. Returns their id, or why Auth refuses the password. */
  addUser(user: { readonly password: string }): Promise<{ readonly id: string } | { readonly refused: string }>;
}

export interface SupabaseLiteOptions {
  readonly database: Database;
  readonly keys: BackendKeys;
  /** May strangers make themselves a user? */
  readonly allowSignUp?: boolean | undefined;
}

/** Makes the schemas `auth` and `storage` where they are missing. Comes before everything else here. */
export async function ensureSystemSchema(options: SupabaseLiteOptions): Promise<void> {
  const missing = await options.database.asOwner(async (transaction) => {
    const { rows } = await transaction.query<{ missing: boolean }>(
      `select to_regclass('auth.flow_state') is null as missing`,
    );
    return rows[0]!.missing;
  });
  if (missing) await createApp(options, { signUp: false }).app.ensureSystemSchema();
  await options.database.asOwner(async (transaction) => {
    for (const statement of storageSchema) await transaction.query(statement);
  });
}

export function createSupabaseLite(options: SupabaseLiteOptions): SupabaseLite {
  const { app, connection } = createApp(options, { signUp: options.allowSignUp ?? false });
  const lite: SupabaseLite = {
    fetch: async (request) => {
      if (isHeadOfCall(request)) return withoutBody(await lite.fetch(new Request(request, { method: 'GET' })));
      const prepared = await withQuotedJsonStrings(withReadableFilters(request), connection);
      const answer = withoutLocation(await withoutPrinting(async () => await app.fetch(prepared)));
      // Without a body, a question nobody can read looks like a failure of ours.
      if (request.method === 'HEAD' && answer.status >= 500) return withoutBody(await typedAnswer(await lite.fetch(new Request(request, { method: 'GET' }))));
      return answer;
    },
    warm: async () => void (await connection.introspect({ useCache: true })),
    knowsRelation: async (name) => {
      const { tables, views } = await connection.introspect({ useCache: true });
      return [...tables, ...views].some((relation) => relation.name === name && (relation.schema ?? 'public') === 'public');
    },
    ensureUser: async (user) => await ensureUser(options, user),
    addUser: async ({ password }) => await addStranger(options, password),
  };
  return lite;
}

/** HEAD of a function, whose arguments the Data API takes for filters. */
const isHeadOfCall = ({ method, url }: Request): boolean => method === 'HEAD' && new URL(url).pathname.startsWith('/rest/v1/rpc/');
const withoutBody = ({ status, headers }: Response): Response => new Response(null, { status, headers });

/** Without the address the Data API tells as its own, which is that of the filters as we wrote them. */
function withoutLocation(response: Response): Response {
  response.headers.delete('content-location');
  return response;
}

function withReadableFilters(request: Request): Request {
  const url = new URL(request.url);
  return url.pathname.startsWith('/rest/v1/') && url.search !== '' ? new Request(withSealedFilters(request.method, url), request) : request;
}

async function withQuotedJsonStrings(request: Request, connection: LiteConnection): Promise<Request> {
  const [, table] = /^\/rest\/v1\/([^/]+)$/.exec(new URL(request.url).pathname) ?? [];
  if (table === undefined || request.body === null) return request;
  const { columns } = await connection.introspect({ useCache: true });
  const isJson = (column: (typeof columns)[number]): boolean =>
    column.table === table && column.schema === 'public' && (column.pg_type === 'jsonb' || column.pg_type === 'json');
  const names = new Set(columns.filter(isJson).map((column) => column.name));
  if (names.size === 0) return request;

  return new Request(request, { method: request.method, body: quoteJsonStrings(await request.text(), names) });
}

interface Context {
  readonly auth?: { readonly role?: string; readonly jwt?: Record<string, Json> | null };
}

interface ContextOptions {
  readonly forceRollback?: boolean;
  readonly transaction?: Kysely<unknown>;
  readonly rpc?: {
    readonly method: string;
    readonly path: string;
    readonly readOnly: boolean;
    readonly requestHeaders?: Record<string, string>;
  };
}

type Work = (kysely: Kysely<unknown>) => Promise<unknown>;

/** What is used of the connection, some of it private there. */
interface LiteConnection {
  kysely: unknown;
  ensureRlsContext: () => Promise<boolean>;
  /** Is given each request as the Data API has understood it. */
  onPostgrestAST: (query: object) => Promise<object>;
  withContext: (context: Context | undefined, work: Work, options?: ContextOptions) => Promise<unknown>;
  introspect(options: { readonly useCache: boolean }): Promise<{
    readonly tables: readonly { readonly name: string; readonly schema?: string | null }[];
    readonly views: readonly { readonly name: string; readonly schema?: string | null }[];
    readonly columns: readonly { readonly table: string; readonly schema: string; readonly name: string; readonly pg_type?: string }[];
  }>;
}

function createApp(
  { database, keys }: SupabaseLiteOptions,
  { signUp }: { readonly signUp: boolean },
): { readonly app: App; readonly connection: LiteConnection } {
  // The address is never called: every query goes through the query builder put in its place.
  const postgres = createPostgresConnection({ url: 'postgres://unused' });
  const connection = postgres as unknown as LiteConnection;
  connection.kysely = ownerKysely(database);
  connection.ensureRlsContext = async () => true;
  const understand = connection.onPostgrestAST.bind(connection);
  connection.onPostgrestAST = async (query) => {
    const { columns } = await connection.introspect({ useCache: true });
    const { from } = query as { readonly from?: string };
    const isNumber = (name: string): boolean =>
      columns.some((column) => column.table === from && column.name === name && ['int8', 'numeric'].includes(column.pg_type ?? ''));
    return await understand(withWholeRows(unsealed(query), isNumber));
  };
  const withinTransaction = connection.withContext.bind(connection);
  connection.withContext = async (context, work, options = {}) => {
    if (options.transaction !== undefined) return await withinTransaction(context, work, options);
    return await asUser(database, context, work, options);
  };

  const app = new App({
    connection: postgres,
    api: { enabled: true, schemas: ['public'], max_rows: 1000 },
    auth: {
      enabled: true,
      jwt_secret: keys.jwtSecret,
      publishable_key: keys.publishableKey,
      secret_key: keys.secretKey,
      enable_signup: signUp,
      // A refresh token that was used before ends its session: one of the two who hold it stole it.
      enable_refresh_token_rotation: true,
      email: { enable_signup: signUp, enable_confirmations: false },
    },
    db: { migrations: { enabled: false } },
    studio: { enabled: false },
    options: { server: { disableStudio: true } },
  } as unknown as ConstructorParameters<typeof App>[0]);
  return { app: app as unknown as App, connection };
}

/** Thrown to undo a transaction whose answer is wanted all the same. */
class Undo extends Error {
  readonly answer: unknown;

  constructor(answer: unknown) {
    super('undone on purpose');
    this.answer = answer;
  }
}

async function asUser(database: Database, context: Context | undefined, work: Work, options: ContextOptions): Promise<unknown> {
  const claims = claimsOf(context);
  try {
    return await database.asUser(claims, async (transaction) => {
      const settings = settingsOf(options);
      if (settings.length > 0) {
        const list = settings.map((_, at) => `set_config($${2 * at + 1}, $${2 * at + 2}, true)`).join(', ');
        await transaction.query(`select ${list}`, settings.flat());
      }
      const answer = await work(kyselyWithin(transaction) as unknown as Kysely<unknown>);
      if (options.forceRollback || (answer instanceof Response && answer.status >= 400)) throw new Undo(answer);
      return answer;
    }, timeOf(options));
  } catch (error) {
    if (error instanceof Undo) return error.answer;
    const failure = describeFailure(error, claims.role === 'anon');
    if (failure === undefined) reportBug('the Data API failed', error);
    return errorResponse(failure ?? internalError);
  }
}

/** Whoever has no claims is anonymous: a request that lost them on its way must not become the owner's. */
function claimsOf(context: Context | undefined): Claims {
  const { jwt } = context?.auth ?? {};
  const role = jwt?.['role'];
  return role === 'authenticated' || role === 'service_role' ? { ...jwt, role } : { role: 'anon' };
}

/** What reads all of something that grows for ever gets more time than a request has. */
function timeOf({ rpc }: ContextOptions): TransactionOptions {
  return rpc?.path.endsWith('/rpc/verify_audit_log') === true ? { timeoutMs: limits.auditCheckMs } : {};
}

function settingsOf({ rpc }: ContextOptions): readonly (readonly [name: string, value: string])[] {
  const settings: [string, string][] = [];
  if (rpc !== undefined) {
    settings.push(['response.status', ''], ['response.headers', ''], ['request.method', rpc.method], ['request.path', rpc.path]);
    // A GET must not write, whatever the function does.
    if (rpc.readOnly) settings.push(['transaction_read_only', 'on']);
  }
  return settings;
}

/**
 * The least that bcrypt does, for passwords of {@link SupabaseLite.ensureUser}: slow hashes make guessing dear, and
 * nobody guesses 128 bits. At Auth's own ten, each sign-in of a local program takes a tenth of a second of processor time.
 */
const ownRounds = 4;

interface AuthAnswer {
  readonly user?: { readonly id: string };
  /** Why not. */
  readonly msg?: string;
}

async function callAuth(
  options: SupabaseLiteOptions,
  path: string,
  credentials: { readonly email: string; readonly password: string },
): Promise<AuthAnswer> {
  const { app } = createApp(options, { signUp: true });
  const request = new Request(`http://localhost/auth/v1/${path}`, {
    method: 'POST',
    headers: { apikey: options.keys.publishableKey, 'content-type': 'application/json' },
    body: JSON.stringify(credentials),
  });
  return (await (await withoutPrinting(async () => await app.fetch(request))).json()) as AuthAnswer;
}

/** Auth alone knows how to hash a password, and does so only for who signs up. */
async function addStranger(options: SupabaseLiteOptions, password: string): Promise<{ readonly id: string } | { readonly refused: string }> {
  const { user, msg } = await callAuth(options, 'signup', { email: `${crypto.randomUUID()}@stepscope.invalid`, password });
  if (!user) return { refused: msg ?? 'no reason was given' };
  await options.database.asOwner(async (transaction) => {
    await transaction.query('delete from auth.sessions where user_id = $1', [user.id]);
    await transaction.query('update auth.users set last_sign_in_at = null where id = $1', [user.id]);
  });
  return { id: user.id };
}

async function ensureUser(
  options: SupabaseLiteOptions,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<string> {
  const known = await options.database.asOwner(async (transaction) => {
    const { rows } = await transaction.query<{ id: string; hash: string | null }>(
      'select id, encrypted_password as hash from auth.users where email = $1',
      [email],
    );
    return rows[0];
  });
  if (known?.hash && getRounds(known.hash) === ownRounds && (await compare(password, known.hash))) return known.id;

  const ownHash = await hash(password, ownRounds);
  // Auth refuses addresses such as local@stepscope: so it makes a user of another name, who takes this one.
  const stranger = known === undefined ? await addStranger(options, password) : known;
  if ('refused' in stranger) throw new UserError('usage', `the password of ${email} was refused: ${stranger.refused}`);
  await options.database.asOwner(async (transaction) => {
    if (known === undefined) await renameUser(transaction, stranger.id, email);
    await transaction.query('update auth.users set encrypted_password = $1 where id = $2', [ownHash, stranger.id]);
  });
  return stranger.id;
}

/** Gives a user another address, everywhere Auth keeps it. */
export async function renameUser(transaction: Transaction, id: string, email: string): Promise<void> {
  await transaction.query(
    `update auth.users set email = $1::text, raw_user_meta_data = raw_user_meta_data || jsonb_build_object('email', $1::text) where id = $2`,
    [email, id],
  );
  await transaction.query(
    `update auth.identities set identity_data = identity_data || jsonb_build_object('email', $1::text) where user_id = $2`,
    [email, id],
  );
}
