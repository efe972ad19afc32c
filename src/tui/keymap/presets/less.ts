import type { Preset } from './preset.ts';

/** Of less: space and b page, F follows, & filters, h helps. What b does elsewhere is on the asterisk. */
export const less: Preset = {
  about: 'Space and b page, F follows the log, & filters, h helps; * sets a breakpoint.',
  bindings: {
    'app.help': ['?', 'h'],
    'runs:move.pageDown': ['space', 'pagedown', 'ctrl-f', 'ctrl-v'], 'runs:move.pageUp': ['b', 'pageup'],
    'run:move.pageDown': ['space', 'pagedown', 'ctrl-f', 'ctrl-v'], 'run:move.pageUp': ['b', 'pageup'],
    'screen:move.pageDown': ['space', 'pagedown', 'ctrl-f', 'ctrl-v'], 'screen:move.pageUp': ['b', 'pageup'],
    'runs:move.top': ['g', 'home', '<'], 'runs:move.bottom': ['G', 'end', '>'],
    'runs.filter': ['f', '&'], 'log.filter': ['f', '&'], 'log.filtersOff': ['ctrl-t'],
    'log.freeze': ['F'], 'log.left': ['left'], 'log.right': ['right', 'l'],
    'json.fold': ['left'], 'json.toggle': ['enter'],
    'run.breakpoint': ['*'], 'run.breakHere': ['*'], 'run.breakPath': ['*'],
    'breakpoints.toggle': ['t'],
  },
};
