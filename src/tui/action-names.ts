import type { HouseName } from './model/house.ts';
import type { ScreenState } from './screens/table.ts';

/**
 * Everything a key, the help or the command line can ask for, by name. The handlers are in `actions/`, the
 * keys in `keymap.ts`; the types see to it that none is missing on either side.
 */
export const actionNames = [
  // Everywhere
  'app.help', 'app.command', 'app.back', 'app.leave', 'app.interrupt', 'app.suspend', 'app.repaint', 'app.timeFormat', 'app.retry',
  // The list of runs
  'runs.open', 'runs.start', 'runs.configure', 'runs.filter', 'runs.search',
  // Views of the house; each has an action of its name besides
  'house.next', 'house.previous', 'house.last',
  // Screens over runs
  'screen.search', 'screen.nextMatch', 'screen.previousMatch', 'screen.nextStop', 'screen.previousStop', 'screen.copy', 'screen.write', 'screen.refresh',
  // Moving, in whatever has the keyboard
  'move.down', 'move.up', 'move.pageDown', 'move.pageUp', 'move.halfDown', 'move.halfUp', 'move.top', 'move.bottom',
  // Panes and views of a run
  'view.next', 'view.previous', 'view.last', 'view.zoom', 'view.smaller', 'view.larger', 'view.steps', 'view.log', 'view.inputs', 'view.outputs', 'view.diff', 'view.state',
  'view.source', 'view.timing', 'view.error', 'view.open', 'step.next', 'step.previous', 'step.follow',
  // Controlling a run
  'run.pause', 'run.next', 'run.stepIn', 'run.continue', 'run.runTo', 'run.cancel', 'run.edit', 'run.rerun', 'run.rerunAll', 'run.bookmark',
  'run.export', 'run.breakpoint', 'run.breakpoints', 'run.breakHere', 'run.breakPath', 'run.watch', 'run.take', 'run.approve', 'run.reject', 'run.family', 'run.promote', 'run.performance', 'run.information', 'run.timeline', 'run.picture', 'run.copy', 'run.write', 'run.compare',
  // Earlier moments of a run
  'playback.back', 'playback.forward', 'playback.previousStep', 'playback.nextStep', 'playback.earlier', 'playback.later',
  // The log
  'log.freeze', 'log.nextError', 'log.previousError', 'log.filter', 'log.filtersOff', 'log.level', 'log.step', 'log.wrap', 'log.search',
  'log.nextMatch', 'log.previousMatch', 'log.left', 'log.right', 'log.lineStart', 'log.open', 'log.bookmark', 'log.unmark', 'log.nextBookmark', 'log.previousBookmark', 'log.bookmarks', 'log.correlate', 'log.jump',
  'logTree.fold', 'logTree.unfold', 'logTree.toggle', 'logTree.holder',
  // Details of a step
  'detail.diff', 'detail.nextChange', 'detail.previousChange', 'detail.search', 'detail.nextMatch', 'detail.previousMatch', 'detail.wrap',
  'json.fold', 'json.unfold', 'json.parent', 'json.nextSibling', 'json.previousSibling', 'json.foldAll', 'json.unfoldAll', 'json.toggle',
  // Dialogs
  'dialog.close', 'dialog.accept', 'dialog.down', 'dialog.up', 'dialog.pageDown', 'dialog.pageUp', 'dialog.complete', 'dialog.rebind', 'dialog.erase', 'dialog.eraseAfter',
  'dialog.left', 'dialog.right', 'dialog.start', 'dialog.end', 'dialog.eraseAll',
  'editor.save', 'editor.outside', 'editor.newLine', 'editor.down', 'editor.up', 'editor.pageDown', 'editor.pageUp', 'editor.eraseRest', 'editor.indent', 'editor.format', 'editor.revert',
  'preview.mode', 'preview.accept',
  'copy.line', 'copy.json', 'copy.path', 'copy.run', 'copy.command',
] as const;
export type OwnActionName = (typeof actionNames)[number];

/** Screens and views of the house bring actions of their own, under their name; a test sees to it that none is missing. */
export type ActionName = OwnActionName | `house.${HouseName}` | `${ScreenState['name']}.${string}`;
