import { awaitedApproval, whyRefused } from '../../core/command-rules.ts';
import { endedWords, isFinal } from '../../core/run-state.ts';
import type { CommandVerb } from '../../protocol/rows.ts';
import { isSplit } from '../layout.ts';
import { errorPlaces } from '../model/log-landmarks.ts';
import { selectedStep } from '../model/steps.ts';
import { situationNow } from '../model/situation.ts';
import { pipelineToStart, selectedRun } from '../model/runs.ts';
import type { OpenRun, State } from '../state.ts';
import { keyFor } from './key-marks.ts';
import { playbackOf } from '../update/playback.ts';
import { staysHeld } from '../update/pending.ts';

/*
 * Why a key does nothing now. Each returns words for a person, to follow "p does nothing: ", or undefined
 * when the key works. What a run accepts is not decided here: `core/command-rules.ts` knows.
 */

type Reason = string | undefined;

export function cannotChange(state: State): Reason {
  if (state.recording !== undefined) return 'this is a recording in a file, and stays as it is';
  if (state.readOnly) return 'the connection is read-only';
  return (state.open?.link ?? state.lists.link).lostAt === undefined ? undefined : 'the link is lost, and what is shown may be old';
}

export function noPipeline(state: State): Reason {
  if (pipelineToStart(state)) return undefined;
  return state.lists.runs === undefined ? 'the pipelines are still being read' : 'no runner has registered a pipeline; start one with `stepscope runner`';
}

export function noRun(state: State): Reason {
  return state.open?.view.run ? undefined : 'the run is still being read';
}

/** What is shown happened earlier: nothing can be told a run that is past it. */
export function inPlayback(state: State): Reason {
  return state.open?.playback ? 'this is how the run was earlier; Esc comes back to now' : undefined;
}

/** There is nothing to look back at. */
export function notBegun(state: State): Reason {
  return noRun(state) ?? (playbackOf(state.open!) ? undefined : 'the run has not begun');
}

export function cannotBreak(state: State): Reason {
  return noRun(state) ?? cannotChange(state) ?? (state.open!.view.run!.pipeline_key === null ? 'this run has no pipeline, and breakpoints and watches belong to one' : undefined);
}

/** Does the run wait for a yes? */
export function waitsForApproval(state: State): boolean {
  const situation = state.open && situationNow(state.open, state.now);
  return situation !== undefined && awaitedApproval(situation) !== undefined;
}

export function cannotReject(state: State): Reason {
  return noRun(state) ?? inPlayback(state) ?? cannotChange(state) ?? whyRefused('reject', { why: 'asked for in the form' }, situationNow(state.open!, state.now)!);
}

export function cannotTake(state: State): Reason {
  const refused = cannotControl('take')(state);
  if (refused !== undefined) return refused;
  const { heldBy } = state.open!;
  const lease = heldBy && Date.parse(heldBy.lease.expires_at) > state.now ? heldBy.lease : undefined;
  if (lease !== undefined) return lease.owner === heldBy!.us.user ? 'the pause is yours already' : undefined;
  const owner = state.open!.view.run!.paused_by;
  return state.session.phase === 'ready' && owner === state.session.identity ? 'the pause is yours already' : undefined;
}

/** A test is made of a run that has ended and can be run again. */
export function cannotPromote(state: State): Reason {
  const run = selectedRun(state);
  if (!run) return state.open ? noRun(state) : 'there is no run';
  const why = cannotChange(state) ?? inPlayback(state);
  if (why !== undefined) return why;
  if (run.pipeline_key === null) return 'this run is of a program that only traces: no pipeline can run it again';
  return isFinal(run) ? undefined : 'the run has not ended';
}

export function isEnded(state: State): Reason {
  const run = state.open?.view.run;
  if (!run) return noRun(state);
  return isFinal(run) ? endedWords(run) : undefined;
}

export function noStep(state: State): Reason {
  return noRun(state) ?? (selectedStep(state.open!) ? undefined : (stillReading(state.open!) ?? 'no step is selected'));
}

/** Until all rows are there nothing can be said of a step that has none. */
function stillReading({ link }: OpenRun): Reason {
  return link.state === 'connecting' || link.state === 'catching-up' ? 'the steps are still being read' : undefined;
}

export function noErrors(state: State): Reason {
  const counts = state.open?.view.run?.log_counts;
  if (!counts) return noRun(state);
  if ((counts['error'] ?? 0) + (counts['critical'] ?? 0) > 0) return undefined;
  // Of a log that is still read, only what was read is known.
  const known = errorPlaces(state.open!);
  return known.length > known.first ? undefined : 'the log has no errors';
}

export function noLine(state: State): Reason {
  const run = state.open;
  return run && run.log.matchCount > run.log.matchFirst ? undefined : 'there is no line';
}

/** A mark is a row of the backend. */
export function cannotMark(state: State): Reason {
  return noRun(state) ?? noLine(state) ?? cannotChange(state);
}

export function hasNoSearch(state: State): Reason {
  const run = state.open;
  const search = run?.pane === 'log' ? run.log.search : run?.detail.search;
  return search ? undefined : `nothing was searched for yet; press ${keyFor(run?.pane === 'log' ? 'log.search' : 'detail.search')} first`;
}

/** Panes share a screen only where all of them fit. */
export function onePane(state: State): Reason {
  if (isSplit(state)) return undefined;
  return state.open?.zoomed ? `the pane is zoomed; ${keyFor('view.zoom')} shows all of them` : 'this screen shows one pane at a time; from 110 columns and 26 rows on there are three';
}

/** Why the run would refuse a verb. */
export function cannotControl(verb: CommandVerb): (state: State) => Reason {
  return (state) => {
    const run = state.open;
    if (!run?.view.run) return noRun(state);
    return underWayAlready(run, verb) ?? inPlayback(state) ?? cannotChange(state) ?? whyRefused(verb, {}, situationNow(run, state.now)!);
  };
}

/** Only the same command twice is refused here; what was sent before it is for the run to reconcile. */
function underWayAlready(run: OpenRun, verb: CommandVerb): Reason {
  return run.pending.some((one) => one.verb === verb && one.step === undefined) ? `${verb} is under way` : undefined;
}

export function cannotPause(state: State): Reason {
  const run = state.open;
  if (!run?.view.run) return noRun(state);
  if (staysHeld(run)) return cannotControl('continue')(state);
  // A run that was told to go on is going on, whatever its row still says.
  const goesOn = run.view.run.status === 'paused' ? { ...run.view.run, status: 'running' as const, mode: 'auto' as const } : run.view.run;
  return underWayAlready(run, 'pause') ?? inPlayback(state) ?? cannotChange(state) ?? whyRefused('pause', {}, { ...situationNow(run, state.now)!, run: goesOn });
}

export function cannotRunTo(state: State): Reason {
  const missing = noStep(state) ?? inPlayback(state) ?? cannotChange(state);
  if (missing) return missing;
  return whyRefused('runTo', { step: selectedStep(state.open!)!.key }, situationNow(state.open!, state.now)!);
}

export function cannotEdit(state: State): Reason {
  const missing = noStep(state) ?? inPlayback(state) ?? cannotChange(state);
  if (missing) return missing;
  const step = selectedStep(state.open!)!;
  if (!step.row) return stillReading(state.open!) ?? `step ${step.display} has not been reached, so it has no inputs yet`;
  if (step.row.status === 'held') return whyRefused('edit', { step: step.key, patch: [] }, situationNow(state.open!, state.now)!);
  return step.row.can_edit ? undefined : `the inputs of step ${step.display} cannot be edited`;
}

export function cannotRerunAll(state: State): Reason {
  const missing = noRun(state) ?? inPlayback(state) ?? cannotChange(state);
  if (missing) return missing;
  const run = state.open!.view.run!;
  return run.pipeline_key === null || run.step_tree === null ? `this run is of a program that only traces, not of a registered pipeline; ${keyFor('run.export')} exports it, with its inputs` : undefined;
}

export function cannotRerun(state: State): Reason {
  const missing = noStep(state) ?? cannotRerunAll(state);
  if (missing) return missing;
  const step = selectedStep(state.open!)!;
  if (!step.row) return stillReading(state.open!) ?? `step ${step.display} has not been reached`;
  if (!step.definition) return `step ${step.display} is none of the declared steps of the pipeline, and only those can be begun from`;
  return step.row.can_rerun ? undefined : `step ${step.display} cannot be rerun`;
}
