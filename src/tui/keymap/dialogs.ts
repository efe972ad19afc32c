import { whyNotYet } from '../dialogs/preview.ts';
import type { Binding, Place } from '../keymap.ts';
import type { Preview } from '../overlay.ts';
import type { State } from '../state.ts';

const closing = (place: Place, help = 'Close.'): Binding => ({ action: 'dialog.close', keys: ['esc', 'ctrl-c'], place, label: 'close', help, footer: 90 });

const ofPreview = (why: (preview: Preview) => string | undefined) => (state: State) => {
  const top = state.overlays.at(-1);
  return top?.type === 'preview' ? why(top) : undefined;
};

const typing = (place: Place): readonly Binding[] => [
  { action: 'dialog.erase', keys: ['backspace'], place, label: 'erase', help: 'Erase the character before the cursor.' },
  { action: 'dialog.eraseAfter', keys: ['delete'], place, label: 'erase', help: 'Erase the character under the cursor.' },
  { action: 'dialog.left', keys: ['left'], place, label: 'left', help: 'Left; in a choice, the previous one.' },
  { action: 'dialog.right', keys: ['right'], place, label: 'right', help: 'Right; in a choice, the next one.' },
  { action: 'dialog.start', keys: ['home'], place, label: 'start', help: 'To the beginning.' },
  { action: 'dialog.end', keys: ['end', 'ctrl-e'], place, label: 'end', help: 'To the end.' },
  { action: 'dialog.eraseAll', keys: ['ctrl-u'], place, label: 'clear', help: 'Erase all.' },
];

/** Keys of dialogs. A dialog has the keyboard alone; what is typed and not named here is text, where text goes. */
export const dialogKeys: readonly Binding[] = [
  closing('help'),
  { action: 'dialog.accept', keys: ['enter'], place: 'help', label: 'do it', help: 'Do what the entry says.', footer: 1 },
  { action: 'dialog.rebind', keys: ['ctrl-r'], place: 'help', label: 'other keys', help: 'Give the entry other keys, now and for every later start.', footer: 2 },
  { action: 'dialog.down', keys: ['down', 'tab'], place: 'help', label: 'down', help: 'Next entry.' },
  { action: 'dialog.up', keys: ['up', 'shift-tab'], place: 'help', label: 'up', help: 'Previous entry.' },
  { action: 'dialog.pageDown', keys: ['pagedown', 'ctrl-d'], place: 'help', label: 'page down', help: 'A page down.' },
  { action: 'dialog.pageUp', keys: ['pageup'], place: 'help', label: 'page up', help: 'A page up.' },
  ...typing('help'),

  closing('prompt', 'Close and leave everything as it was.'),
  { action: 'dialog.accept', keys: ['enter'], place: 'prompt', label: 'do it', help: 'Take what was typed.', footer: 1 },
  { action: 'dialog.complete', keys: ['tab'], place: 'prompt', label: 'complete', help: 'Complete the word.', footer: 2 },
  { action: 'dialog.up', keys: ['up', 'ctrl-p'], place: 'prompt', label: 'earlier', help: 'What was typed here before.' },
  { action: 'dialog.down', keys: ['down', 'ctrl-n'], place: 'prompt', label: 'later', help: 'What was typed here after that.' },
  ...typing('prompt'),

  closing('form', 'Close without doing anything.'),
  { action: 'dialog.accept', keys: ['enter'], place: 'form', label: 'do it', help: 'Do it with these values.', footer: 1 },
  { action: 'dialog.down', keys: ['tab', 'down'], place: 'form', label: 'next field', help: 'Next field.', footer: 2 },
  { action: 'dialog.up', keys: ['shift-tab', 'up'], place: 'form', label: 'previous field', help: 'Previous field.' },
  ...typing('form'),

  closing('editor', 'Close; asks once when the text was changed.'),
  { action: 'editor.save', keys: ['ctrl-x'], place: 'editor', label: 'save', help: 'Check against the schema and save.', footer: 1 },
  { action: 'editor.outside', keys: ['ctrl-o'], place: 'editor', label: '$EDITOR', help: 'Edit in $EDITOR.', footer: 2 },
  { action: 'editor.newLine', keys: ['enter'], place: 'editor', label: 'new line', help: 'New line.' },
  { action: 'editor.down', keys: ['down'], place: 'editor', label: 'down', help: 'Down.' },
  { action: 'editor.up', keys: ['up'], place: 'editor', label: 'up', help: 'Up.' },
  { action: 'editor.pageDown', keys: ['pagedown', 'ctrl-d'], place: 'editor', label: 'page down', help: 'A page down.' },
  { action: 'editor.pageUp', keys: ['pageup'], place: 'editor', label: 'page up', help: 'A page up.' },
  { action: 'editor.eraseRest', keys: ['ctrl-k'], place: 'editor', label: 'erase rest', help: 'Erase the rest of the line.' },
  { action: 'editor.indent', keys: ['tab'], place: 'editor', label: 'indent', help: 'Two spaces.' },
  { action: 'editor.format', keys: ['ctrl-f'], place: 'editor', label: 'format', help: 'Lay the JSON out anew.', footer: 3 },
  { action: 'editor.revert', keys: ['ctrl-r'], place: 'editor', label: 'revert', help: 'Back to the inputs as they were.', footer: 4 },
  ...typing('editor').filter((binding) => binding.action !== 'dialog.eraseAll'),

  closing('preview', 'Close without running anything.'),
  { action: 'dialog.accept', keys: ['enter'], place: 'preview', label: 'run it', help: 'Start the new run and open it.', footer: 1, disabled: ofPreview(whyNotYet) },
  { action: 'preview.accept', keys: ['y'], place: 'preview', label: 'effects', help: 'What becomes of effects outside: ask, let them happen again, or take the answers that were recorded.', footer: 2,
    disabled: ofPreview(({ plan }) => (plan.repeated.length > 0 ? undefined : 'nothing that happened outside would happen again')) },
  { action: 'preview.mode', keys: ['s'], place: 'preview', label: 'stepping', help: 'Hold before every step, or run on.', footer: 3 },
  { action: 'run.edit', keys: ['i'], place: 'preview', label: 'edit', help: 'Edit the inputs of the step first.', footer: 4,
    disabled: ofPreview(({ stepKey }) => (stepKey === undefined ? 'a rerun of everything starts from the same inputs; press i on step 1 instead' : undefined)) },

  closing('confirm', 'Leave everything as it is.'),
  { action: 'dialog.accept', keys: ['enter', 'y'], place: 'confirm', label: 'do it', help: 'Do it.', footer: 1 },

  closing('copy'),
  { action: 'copy.line', keys: ['l'], place: 'copy', label: 'line', help: 'The selected line as text.', footer: 1 },
  { action: 'copy.json', keys: ['j'], place: 'copy', label: 'JSON', help: 'The selected value as JSON.', footer: 2 },
  { action: 'copy.path', keys: ['p'], place: 'copy', label: 'path', help: 'The path of the selected value.', footer: 3 },
  { action: 'copy.run', keys: ['r'], place: 'copy', label: 'run id', help: 'The id of the run.', footer: 4 },
  { action: 'copy.command', keys: ['u'], place: 'copy', label: 'command', help: 'The command that shows this run.', footer: 5 },

  closing('choose', 'Leave it as it was.'),
  { action: 'dialog.accept', keys: ['enter'], place: 'choose', label: 'take it', help: 'Take what is under the cursor, and keep it.', footer: 1 },
  { action: 'dialog.down', keys: ['j', 'down', 'tab'], place: 'choose', label: 'down', help: 'The next one.', footer: 2 },
  { action: 'dialog.up', keys: ['k', 'up', 'shift-tab'], place: 'choose', label: 'up', help: 'The one before.', footer: 3 },

  closing('leave', 'Stay.'),
  { action: 'dialog.accept', keys: ['enter', 'q', 'y'], place: 'leave', label: 'leave', help: 'Leave; the run stays held.', footer: 1 },
];
