import type { Preset } from './preset.ts';

/** Of lnav: space and b page, Ctrl-w wraps, Ctrl-f switches the filters, = stops the log. What b does elsewhere is on the asterisk. */
export const lnav: Preset = {
  about: 'Space and b page, e E errors, Ctrl-w wraps, Ctrl-f switches filters, = stops the log; * sets a breakpoint.',
  bindings: {
    'runs:move.pageDown': ['space', 'pagedown'], 'runs:move.pageUp': ['b', 'pageup'],
    'run:move.pageDown': ['space', 'pagedown'], 'run:move.pageUp': ['b', 'pageup', 'backspace'],
    'screen:move.pageDown': ['space', 'pagedown'], 'screen:move.pageUp': ['b', 'pageup', 'backspace'],
    'log.freeze': ['='], 'log.wrap': ['ctrl-w'], 'detail.wrap': ['ctrl-w'], 'log.filtersOff': ['F', 'ctrl-f'],
    'json.toggle': ['enter'],
    'run.breakpoint': ['*'], 'run.breakHere': ['*'], 'run.breakPath': ['*'],
    'breakpoints.toggle': ['t'],
  },
};
