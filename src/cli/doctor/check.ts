import { UserError } from '../../protocol/error.ts';

/** A check that takes longer has found something too. */
const checkTimeoutMs = 15_000;

/** All that `doctor` can look at, as `--only` has it. */
export const checkNames = [
  'node',
  'terminal',
  'data directory',
  'disk',
  'holder',
  'port',
  'address',
  'key',
  'clock',
  'socket',
  'database',
  'backend',
  'mend',
  'signed in',
  'token',
  'schema',
  'postgres',
  'triggers',
  'policies',
  'published',
  'role',
  'rows seen',
  'live tables',
  'delivery',
  'filter',
  'runs',
  'billing',
  'export',
  'server',
  'fan-out',
  'runners',
  'buckets',
  'audit log',
] as const;
export type CheckName = (typeof checkNames)[number];

/** One thing that `doctor` looks at. What it throws is a problem too. */
export interface Check {
  readonly name: CheckName;
  /** `signal` aborts shortly before the time is over, for checks that know better what it means. */
  look(this: void, signal: AbortSignal): Promise<Found | readonly Found[]>;
}

/** What a check has found; several where causes differ. */
export interface Found {
  readonly result: 'ok' | 'warning' | 'problem';
  readonly what: string;
  /** What to do about it, where one command does not say all. */
  readonly hint?: string | undefined;
  /** The command that mends it. */
  readonly command?: string | undefined;
  /** The same for whoever has only an SQL editor. */
  readonly sql?: string | undefined;
}

export interface Finding extends Found {
  readonly name: string;
}

/** Thrown by a check that cannot know: something else has to be mended first. */
export class NotKnown extends Error {
  override readonly name = 'NotKnown';
  /** What has to be there and is not: `public.diagnose()`. */
  readonly lost: string | undefined;

  constructor(message: string, lost?: string) {
    super(message);
    this.lost = lost;
  }
}

/** Without rights a refusal says nothing of what was asked: the role or the sign-in is what is wrong, and has its own check. */
export async function perform({ name, look }: Check, hasRights: boolean): Promise<readonly Finding[]> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(checkTimeoutMs - 2_000)]);
  const late = Promise.withResolvers<Found>();
  const timer = setTimeout(() => late.resolve({ result: 'problem', what: `no answer within ${checkTimeoutMs / 1000} s` }), checkTimeoutMs);
  try {
    const found = await Promise.race([look(signal), late.promise]);
    return (Array.isArray(found) ? (found as readonly Found[]) : [found as Found]).map((one) => ({ name, ...one }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof NotKnown) return [{ name, result: 'warning', what: `not known: ${error.message}` }];
    if (!hasRights && error instanceof UserError && ['forbidden', 'not-found'].includes(error.code))
      return [{ name, result: 'warning', what: 'not known: it takes the rights of an administrator' }];
    return [{ name, result: 'problem', what: error.message, hint: error instanceof UserError ? error.hint : undefined }];
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
