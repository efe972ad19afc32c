import type { Binding } from '../keymap.ts';
import type { State } from '../state.ts';
import { noPipeline, cannotChange, cannotPromote } from './reasons.ts';

const noRuns = (state: State): string | undefined => (state.lists.runs?.length ? undefined : 'there is no run');
const hasRuns = (state: State): boolean => (state.lists.runs?.length ?? 0) > 0;

/** Keys that work in the list of runs, and everywhere outside of dialogs. */
export const globalKeys: readonly Binding[] = [
  { action: 'app.help', keys: ['?'], place: 'anywhere', label: 'help', help: 'Show what every key does here; type to search, Enter to run.', footer: 90 },
  { action: 'app.command', keys: [':'], place: 'anywhere', label: 'command', help: 'Type a command, as after `stepscope`; what only a shell can do says so.' },
  { action: 'app.back', keys: ['esc'], place: 'anywhere', label: 'back', help: 'One level back. Never leaves the program.' },
  { action: 'app.leave', keys: ['q'], place: 'anywhere', label: 'back', labelNow: (state) => (state.screens.length > 0 || state.open || state.home.filter !== '' ? 'back' : 'leave'), help: 'Back; from the list of runs, leave. Runs go on without us.', footer: 91 },
  { action: 'app.interrupt', keys: ['ctrl-c'], place: 'anywhere', label: 'leave', help: 'Twice within two seconds leaves the program. Never touches a run.' },
  { action: 'app.suspend', keys: ['ctrl-z'], place: 'anywhere', overDialogs: true, label: 'suspend', help: 'Back to the shell; `fg` returns.' },
  { action: 'app.repaint', keys: ['ctrl-l'], place: 'anywhere', overDialogs: true, label: 'repaint', help: 'Draw the whole screen again.' },
  { action: 'app.timeFormat', keys: ['T'], place: 'anywhere', label: 'times', help: 'Show times as elapsed, as clock times, or relative to now.' },

  { action: 'app.retry', keys: ['r', 'enter'], place: 'connecting', label: 'try again', help: 'Try to reach the backend again.', footer: 1,
    disabled: (state) => (state.session.phase === 'failed' ? undefined : 'the backend is being opened') },

  { action: 'runs.open', keys: ['enter', 'l', 'right'], place: 'runs', label: 'open', labelNow: (state) => (state.lists.runs?.length === 0 ? 'run it' : 'open'),
    help: 'Open the selected run. In an empty list: start the bundled pipeline.', footer: 1,
    disabled: (state) => (state.lists.runs === undefined ? 'the list of runs is still being read' : state.lists.runs.length === 0 ? (cannotChange(state) ?? noPipeline(state)) : undefined) },
  { action: 'runs.start', keys: ['n'], place: 'runs', label: 'new run', help: 'Start the bundled pipeline with its example inputs, in test mode.', footer: 2, disabled: (state) => cannotChange(state) ?? noPipeline(state) },
  { action: 'runs.configure', keys: ['N'], place: 'runs', label: 'choose & run', help: 'Choose pipeline, model and inputs, then start.', footer: 3, disabled: (state) => cannotChange(state) ?? noPipeline(state) },
  { action: 'runs.filter', keys: ['f'], place: 'runs', label: 'filter', help: 'Show only some runs: `status=failed since=2d step=8e tag=NAME bookmarked`, or words.', footer: 5, footerWhen: hasRuns },
  { action: 'runs.search', keys: ['/'], place: 'runs', label: 'search', help: 'Go to the next run with these words; Enter on nothing repeats.', footer: 6, footerWhen: hasRuns },
  { action: 'run.bookmark', keys: ['m'], place: 'runs', label: 'bookmark', help: 'Give the selected run a name, tags and notes.', footer: 4,
    disabled: (state) => cannotChange(state) ?? (state.lists.runs?.length ? undefined : 'there is no run') },
  { action: 'run.compare', keys: ['D'], place: 'runs', label: 'compare', labelNow: (state) => (state.home.marked === undefined ? 'compare' : 'compare with A'), help: 'Mark the run, then D on another compares them.', footer: 7, footerWhen: (state) => (state.lists.runs?.length ?? 0) > 1,
    disabled: (state) => ((state.lists.runs?.length ?? 0) > 1 ? undefined : 'there is no other run to compare with') },
  { action: 'run.family', keys: ['v'], place: 'runs', label: 'family', help: 'The runs that the selected one was made from, and those made from it.', disabled: noRuns },
  { action: 'run.performance', keys: ['%'], place: 'runs', label: 'times', help: 'Where the time of the selected run went.', disabled: noRuns },
  { action: 'run.information', keys: ['0'], place: 'runs', label: 'information', help: 'What is known of the selected run: model, cost, environment, commit, notes, inputs and outputs.', disabled: noRuns },
  { action: 'run.promote', keys: ['P'], place: 'runs', label: 'make a test', help: 'Keep the selected run as a regression test.', disabled: cannotPromote },
  { action: 'move.down', keys: ['j', 'down'], place: 'runs', label: 'down', help: 'Next run.' },
  { action: 'move.up', keys: ['k', 'up'], place: 'runs', label: 'up', help: 'Previous run.' },
  { action: 'move.pageDown', keys: ['pagedown'], place: 'runs', label: 'page down', help: 'A page down.' },
  { action: 'move.pageUp', keys: ['pageup'], place: 'runs', label: 'page up', help: 'A page up.' },
  { action: 'move.halfDown', keys: ['ctrl-d'], place: 'runs', label: 'half down', help: 'Half a page down.' },
  { action: 'move.halfUp', keys: ['ctrl-u'], place: 'runs', label: 'half up', help: 'Half a page up.' },
  { action: 'move.top', keys: ['g', 'home'], place: 'runs', label: 'first', help: 'The newest run.' },
  { action: 'move.bottom', keys: ['G', 'end'], place: 'runs', label: 'last', help: 'The oldest run.' },
];
