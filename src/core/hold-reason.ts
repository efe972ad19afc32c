/*
 * The words of `pause_reason`, which travel as text: seed clients and people read them as they are.
 */

/** The reason of a run that is held where a step has ended: `after 8e, breakpoint #3: outputs.width = 4096`. */
export function afterReason(display: string, reason: string): string {
  return `after ${display}, ${reason}`;
}

/** The reason when what was met at a step holds the run only later: `breakpoint #3: 12 credits charged (at 8e)`. */
export function laterReason(display: string | undefined, reason: string): string {
  return display === undefined || reason.endsWith(` on ${display}`) ? reason : `${reason} (at ${display})`;
}

/** Is the run held after its current step has ended? Otherwise it is held before it, and nothing of it has run. */
export function isHeldAfter(run: { readonly pause_reason: string | null }): boolean {
  return run.pause_reason?.startsWith('after ') ?? false;
}

/** The reason without its place, which is told beside it. */
export function placelessReason(reason: string): string {
  return reason.replace(/^after [^,\s]+, /, '');
}

/** The reason for a person, where the place is told beside it: `breakpoint 3, outputs.width = 4096`. */
export function reasonWords(reason: string): string {
  return placelessReason(reason).replaceAll(/breakpoint #(\d+): /g, 'breakpoint $1, ').replaceAll(/breakpoint #(\d+)/g, 'breakpoint $1');
}

/** Does the run wait for a yes, so that only an approval lets it go on? */
export function waitsForApproval(run: { readonly pause_reason: string | null }): boolean {
  return /^(?:after [^,\s]+, )?waiting for approval: /.test(run.pause_reason ?? '');
}
