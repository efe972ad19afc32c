/*
 * What the server and the thread of a function say to each other. A thread answers one request at a time, and
 * sends each piece of an answer when it is asked for it, so that a slow reader fills no memory.
 */

export interface FunctionTask {
  /** The file that holds the function. */
  readonly path: string;
  /** What `context.secret()` and `Deno.env.get()` know beside the environment. */
  readonly secrets: Readonly<Record<string, string>>;
}

export interface FunctionCall {
  readonly type: 'call';
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  readonly context: Omit<FunctionContext, 'secret'>;
}

export type ToFunction = FunctionCall | { readonly type: 'pull' } | { readonly type: 'cancel' };

export type FromFunction =
  /** `files` are all of the function's own: when one changes, it is loaded anew. */
  | { readonly type: 'ready'; readonly files: readonly string[]; readonly verifyJwt: boolean }
  | { readonly type: 'head'; readonly status: number; readonly headers: readonly (readonly [string, string])[]; readonly hasBody: boolean }
  | { readonly type: 'chunk'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  /** The function threw; `stack` is for the server's log. */
  | { readonly type: 'failed'; readonly stack: string };

/** What a function is told beside its request. */
export interface FunctionContext {
  /** Who asks: the claims of a checked token, or the role of a key. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** This backend, for `createClient(url, publishableKey, {global: {headers: {Authorization: authorization}}})`: acts as whoever asks. */
  readonly url: string;
  readonly publishableKey: string;
  readonly authorization: string;
  /** A variable of the environment, or `SUPABASE_SERVICE_ROLE_KEY`, which acts beyond all policies. Throws for one that is not set. */
  readonly secret: (name: string) => string;
}
