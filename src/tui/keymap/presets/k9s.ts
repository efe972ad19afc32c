import type { Preset } from './preset.ts';

/** Of k9s: / filters, l shows logs, d describes, e edits, Ctrl-d deletes after asking. What these keys did is on others. */
export const k9s: Preset = {
  about: '/ filters and f searches, l shows the log, d describes a step, e edits, Ctrl-d cancels after asking; ! and E go through errors.',
  bindings: {
    'runs.filter': ['/'], 'runs.search': ['f'], 'runs.open': ['enter', 'right', 'd'],
    'log:log.search': ['f'], 'run:log.filter': ['/'], 'detail.search': ['f'],
    'run:view.log': ['l', '2'], 'steps:view.open': ['enter', 'right'], 'log.right': ['right'], 'json.unfold': ['right'],
    'run:view.inputs': ['d', '3'], 'detail.diff': ['ctrl-t'],
    'run:run.edit': ['e', 'i'], 'run:log.nextError': ['!'], 'json.unfoldAll': ['+'],
    'run.cancel': ['X', 'ctrl-d'], 'run:move.halfDown': ['ctrl-f'], 'runs:move.halfDown': ['ctrl-f'], 'screen:move.halfDown': ['ctrl-f'],
  },
};
