import { isHalfTyped, parseFilter } from '../../core/filter.ts';
import { isHalfTypedRunFilter, parseRunFilter } from '../../core/run-filter.ts';
import { shortId } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import { goTo, refilter, searchFrom } from '../actions/log.ts';
import { searchDetail } from '../actions/detail.ts';
import { send } from '../actions/control.ts';
import { jumpTarget } from '../model/log-jump.ts';
import { sentence } from '../model/sentence.ts';
import { shownRuns, wordsOf } from '../model/runs.ts';
import { filterRuns, withHomeFilter } from '../update/filter-runs.ts';
import type { Prompt } from '../overlay.ts';
import { definitionOf, searchScreen } from '../screens/frame.ts';
import { shownScreen, withOwn } from '../screens/screen.ts';
import { changeSettings } from '../settings.ts';
import type { State } from '../state.ts';
import { runCommand } from './command.ts';
import { closeOverlay, only, replaceOverlay, told, withDetail, withLog, withRun, type Update } from '../update/result.ts';

/** What the prompt does as it is typed: a filter applies at once, so that a person sees what it leaves. */
export function promptTyped(state: State, prompt: Prompt): State {
  if (prompt.purpose === 'command') return withThemeLooked(state, { ...prompt, problem: undefined });
  const next = replaceOverlay(state, { ...prompt, problem: undefined });
  if (prompt.purpose !== 'filter') return next;
  const own = shownScreen(state);
  if (own) return definitionOf(own).filter?.isHalfTyped(prompt.text) === true || promptProblem(state, prompt) ? next : narrowScreen(next, prompt.text);
  // A half-typed filter leaves what the last whole one showed.
  if (!state.open) return isHalfTypedRunFilter(prompt.text) || promptProblem(state, prompt) ? next : withHomeFilter(next, prompt.text);
  return isHalfTyped(prompt.text) ? next : filtered(next, prompt.text, prompt);
}

/** A theme that is named whole is put on while it is typed; any other text puts back the one that was there. */
function withThemeLooked(state: State, prompt: Prompt): State {
  const [, name] = /^\s*(?:stepscope\s+)?(?:theme|(?:config\s+)?set\s+theme)\s+(\S+)\s*$/.exec(prompt.text) ?? [];
  const before = prompt.lookedFrom ?? state.settings;
  const isTheme = before.themes.some((one) => one.name === name && one.theme !== undefined);
  const next = replaceOverlay(state, { ...prompt, lookedFrom: isTheme ? before : undefined });
  return { ...next, settings: isTheme ? changeSettings(before, { theme: name }, 'looked at') : before };
}

/** The screen on top through its own filter. Throws what a text throws that does not parse. */
function narrowScreen(state: State, text: string): State {
  const own = shownScreen(state)!;
  return withOwn(state, definitionOf(own).filter?.apply(state, own, text) ?? own);
}

/** The log through the filter; as it was where the text does not parse. */
function filtered(state: State, text: string, { reading }: Prompt): State {
  try {
    const filter = text.trim() === '' ? undefined : parseFilter(text);
    return withRun(state, (run) => refilter(run, { filterText: text, filter, filtersOff: false, reading }));
  } catch (error) {
    if (error instanceof UserError) return state;
    throw error;
  }
}

/** What is said about the text so far; undefined when it is fine. */
export function promptProblem(state: State, prompt: Prompt): string | undefined {
  if (prompt.text.trim() === '') return undefined;
  if (prompt.purpose === 'note') return noteProblem(prompt.text);
  if (prompt.purpose !== 'filter' && prompt.purpose !== 'jump') return undefined;
  try {
    if (prompt.purpose === 'jump') return void jumpTarget(state.open!, prompt.text);
    const own = shownScreen(state);
    if (own) definitionOf(own).filter?.apply(state, own, prompt.text);
    else if (state.open) parseFilter(prompt.text);
    else parseRunFilter(prompt.text, state.now);
    return undefined;
  } catch (error) {
    return error instanceof UserError ? sentence(error.message, error.hint) : undefined;
  }
}

function noteProblem(text: string): string | undefined {
  const bytes = Buffer.byteLength(text.trim());
  return bytes > limits.logBookmarkBytes ? `A note has at most ${limits.logBookmarkBytes} bytes; this one has ${bytes}.` : undefined;
}

/** The prompt is gone, and what it only showed with it. */
function closedPrompt(state: State, { lookedFrom }: Prompt): State {
  return closeOverlay(lookedFrom === undefined ? state : { ...state, settings: lookedFrom });
}

export function acceptPrompt(state: State, prompt: Prompt): Update {
  const closed = closedPrompt(state, prompt);
  switch (prompt.purpose) {
    case 'filter': {
      const problem = promptProblem(state, prompt);
      if (problem) return only(told(state, problem, 'error'));
      if (shownScreen(state)) return only(narrowScreen(closed, prompt.text));
      return state.open ? only(filtered(closed, prompt.text, prompt)) : filterRuns(closed, prompt.text);
    }
    case 'search':
      return only(search(closed, prompt));
    case 'cancel': {
      const id = shortId(state.open!.runId);
      const typed = prompt.text.trim();
      if (typed === '') return only(told(closed, 'Not cancelled.'));
      if (typed !== id) return only(replaceOverlay(state, { ...prompt, problem: `Not cancelled: this run is ${id}, not "${typed}". Esc leaves it alone.` }));
      return send(closed, 'cancel');
    }
    case 'note': {
      const problem = noteProblem(prompt.text);
      if (problem !== undefined || prompt.line === undefined) return only(told(state, problem ?? 'There is no line to mark.', 'error'));
      return only(closed, { type: 'write', write: { kind: 'markLine', runId: state.open!.runId, seq: prompt.line, note: prompt.text.trim() } });
    }
    case 'jump': {
      if (prompt.text.trim() === '') return only(closed);
      const problem = promptProblem(state, prompt);
      if (problem !== undefined) return only(told(state, problem, 'error'));
      const { place, words } = jumpTarget(state.open!, prompt.text);
      return only(told(goTo(closed, place), `At ${words}.`));
    }
    case 'command':
      return runCommand(closed, prompt.text);
  }
}

export function cancelPrompt(state: State, prompt: Prompt): State {
  if (prompt.purpose === 'filter' && shownScreen(state)) return narrowScreen(closeOverlay(state), prompt.before);
  if (prompt.purpose === 'filter' && !state.open) return withHomeFilter(closeOverlay(state), prompt.before);
  return prompt.purpose === 'filter' ? filtered(closeOverlay(state), prompt.before, prompt) : closedPrompt(state, prompt);
}

function search(state: State, prompt: Prompt): State {
  const words = prompt.text === '' ? prompt.before : prompt.text;
  if (words === '') return state;
  const own = shownScreen(state);
  if (own) return searchScreen(withOwn(state, { ...own, search: words }), 1);
  if (!state.open) return searchRuns({ ...state, home: { ...state.home, search: words } });
  if (state.open.pane === 'log') return searchFrom(withLog(state, (log) => ({ ...log, search: words })), 1);
  return searchDetail(withDetail(state, (detail) => ({ ...detail, search: words })), 1);
}

function searchRuns(state: State): State {
  const runs = shownRuns(state);
  const words = state.home.search.toLowerCase();
  const from = runs.findIndex((run) => run.test_run_id === state.home.selected);
  const found = [...runs.slice(from + 1), ...runs.slice(0, from + 1)].find((run) => wordsOf(run).includes(words));
  return found ? { ...state, home: { ...state.home, selected: found.test_run_id } } : told(state, `No run has "${state.home.search}".`);
}
