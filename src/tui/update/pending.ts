import { letsPass } from '../../core/gate.ts';
import { isFinal } from '../../core/run-state.ts';
import type { CommandPayload, CommandRow, CommandVerb } from '../../protocol/rows.ts';
import type { OpenRun, Pending } from '../state.ts';

/** The run once a command was sent: it is shown as under way. What lets the run go on takes a pause back. */
export function sent(run: OpenRun, verb: CommandVerb, payload: CommandPayload, now: number): OpenRun {
  const others = run.pending.filter((one) => one.verb !== verb && !(letsPass(verb) && one.isAccepted));
  return { ...run, pending: [...others, { verb, step: payload.step, since: now, isAccepted: false }] };
}

/** The run once it answered. A pause that it took stays under way until it is held: the step in flight may be long. */
export function answered(run: OpenRun, command: Pick<CommandRow, 'verb' | 'state'>): OpenRun {
  const isTaken = command.verb === 'pause' && command.state === 'done';
  const pending = run.pending.flatMap((one): readonly Pending[] => {
    if (one.verb !== command.verb) return [one];
    return isTaken && one.step === undefined ? [{ ...one, isAccepted: true }] : [];
  });
  return withoutKept({ ...run, pending });
}

/** Drops the pauses that the run's own row tells of: it is held, about to be, or has ended. */
export function withoutKept(run: OpenRun): OpenRun {
  const row = run.view.run;
  if (!row || !run.pending.some((one) => one.isAccepted)) return run;
  const isTold = row.status === 'paused' || row.mode === 'paused' || isFinal(row);
  return isTold ? { ...run, pending: run.pending.filter((one) => !one.isAccepted) } : run;
}

/** Is the run held, and will it be once what was sent has arrived? */
export function staysHeld(run: OpenRun): boolean {
  return run.view.run?.status === 'paused' && !run.pending.some((one) => letsPass(one.verb));
}

/** What is under way in the run, for a person: commands without an answer, and the pause it is about to make. */
export function underWay(run: OpenRun): readonly CommandVerb[] {
  const row = run.view.run;
  const isPausing = row?.status === 'running' && row.mode === 'paused';
  return [...new Set([...run.pending.map((one) => one.verb), ...(isPausing ? ['pause' as const] : [])])];
}
