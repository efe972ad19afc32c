import { situationOf, type Situation } from '../../core/command-rules.ts';
import type { OpenRun } from '../state.ts';

/** What decides which verbs the open run takes from us now: its rows, and whose pause it is. */
export function situationNow(run: OpenRun, now: number): Situation | undefined {
  const situation = situationOf(run.view);
  const { heldBy } = run;
  if (situation === undefined || heldBy === undefined || Date.parse(heldBy.lease.expires_at) <= now) return situation;
  return { ...situation, lease: heldBy.lease, sender: heldBy.us };
}
