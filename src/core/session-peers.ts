import { z } from 'zod';
import { limits } from '../protocol/limits.ts';

/** Where somebody in a session is looking. */
export const SessionCursor = z.object({
  run: z.string().max(200),
  /** Key of the selected step. */
  step: z.string().max(400).optional(),
  /** The pane with the keyboard and the tab of the details, in the terminal's words. */
  pane: z.string().max(40).optional(),
  tab: z.string().max(40).optional(),
  /** `seq` of the line of the log under the cursor; none while the newest is followed. */
  logSeq: z.int().nonnegative().optional(),
});
export type SessionCursor = z.infer<typeof SessionCursor>;

/** What a terminal tells the others of a session about itself. */
export const PeerState = z.object({
  /** Tells two terminals of one person apart. */
  terminal: z.string().min(1).max(200),
  name: z.string().max(400),
  /** Milliseconds since 1970, by its own clock. */
  joinedAt: z.number(),
  /** Did it begin the session? */
  leads: z.boolean(),
  cursor: SessionCursor.nullable(),
});
export type PeerState = z.infer<typeof PeerState>;

/** A terminal in a session. */
export interface Peer extends PeerState {
  readonly isMe: boolean;
  /** The name without its domain, and a number from the second terminal of that name on: `ada`, `ada 2`. */
  readonly label: string;
}

/**
 * Who is in a session, by what presence says: a list of states by key. What does not parse is left out, and so is what comes
 * after {@link limits.sessionPeers}. First comes who leads: the terminal that began it, else the one that has been there longest.
 */
export function peersOf(presence: Readonly<Record<string, readonly unknown[]>>, me: string): readonly Peer[] {
  const byTerminal = new Map<string, PeerState>();
  for (const state of Object.values(presence).flat()) {
    const parsed = PeerState.safeParse(state);
    if (parsed.success) byTerminal.set(parsed.data.terminal, parsed.data);
  }
  const terminals = new Map<string, number>();
  return [...byTerminal.values()]
    .toSorted((a, b) => Number(b.leads) - Number(a.leads) || a.joinedAt - b.joinedAt || (a.terminal < b.terminal ? -1 : 1))
    .slice(0, limits.sessionPeers)
    .map((peer) => {
      const name = peer.name.split('@', 1)[0]!;
      const number = (terminals.get(name) ?? 0) + 1;
      terminals.set(name, number);
      return { ...peer, isMe: peer.terminal === me, label: number === 1 ? name : `${name} ${number}` };
    });
}

/** `3 here: ada, ada 2, you`, ourselves last; with `most` names. */
export function peersWords(peers: readonly Peer[], most = 3): string {
  const names = peers.toSorted((a, b) => Number(a.isMe) - Number(b.isMe)).map((peer) => (peer.isMe ? 'you' : peer.label));
  const shown = names.length > most ? [...names.slice(0, most), `${names.length - most} more`] : names;
  return `${peers.length} here: ${shown.join(', ')}`;
}
