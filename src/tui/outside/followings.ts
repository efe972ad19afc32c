import type { Backend, Unsubscribe } from '../../client/backend.ts';
import type { LiveSession } from '../../client/debug-sessions.ts';
import type { LogRow } from '../../protocol/rows.ts';

/** What a screen hears for as long as it is shown; `round` begins anew when it changes. */
export type Following =
  /** The lines of all runs: the newest, or what came since the line `after`. */
  | { readonly kind: 'logs'; readonly round: number; readonly after: string | undefined }
  /** The sessions that go on. */
  | { readonly kind: 'sessions'; readonly round: number };

/** What was heard. */
export type News =
  /** Lines in the order in which they came; with `isFresh` what was shown before begins anew. */
  | { readonly kind: 'logs'; readonly rows: readonly LogRow[]; readonly isFresh: boolean }
  | { readonly kind: 'sessions'; readonly sessions: readonly LiveSession[] };

/** Begins to follow, until it is called off. */
export function followNews(backend: Backend, following: Following, hear: (news: News) => void): Unsubscribe {
  switch (following.kind) {
    case 'logs':
      return backend.followLogs({ onLines: (rows, isFresh) => hear({ kind: 'logs', rows, isFresh }) }, { after: following.after });
    case 'sessions':
      return backend.followSessions({ onSessions: (sessions) => hear({ kind: 'sessions', sessions }) });
  }
}
