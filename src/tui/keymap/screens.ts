import type { Binding } from '../keymap.ts';
import { keyFor } from './key-marks.ts';
import { screens } from '../screens/table.ts';
import { shownScreen } from '../screens/screen.ts';
import type { State } from '../state.ts';

const noSearch = (state: State): string | undefined => (shownScreen(state)?.search ? undefined : `nothing was searched for yet; press ${keyFor('screen.search')} first`);

/** Keys that all screens have, and after them those that a screen brings itself. */
export const screenKeys: readonly Binding[] = [
  { action: 'screen.search', keys: ['/'], place: 'screen', label: 'search', help: 'Search what is shown; rows stay where they are.', footer: 40 },
  { action: 'screen.nextMatch', keys: ['n'], place: 'screen', label: 'next match', help: 'Next match.', disabled: noSearch },
  { action: 'screen.previousMatch', keys: ['N'], place: 'screen', label: 'previous match', help: 'Previous match.', disabled: noSearch },
  { action: 'screen.nextStop', keys: [']'], place: 'screen', label: 'next', help: 'Next divergence, change or entry, as the screen has them.', footer: 30 },
  { action: 'screen.previousStop', keys: ['['], place: 'screen', label: 'previous', help: 'Previous divergence, change or entry.', footer: 31 },
  { action: 'screen.copy', keys: ['y'], place: 'screen', label: 'copy', help: 'Copy the line.' },
  { action: 'screen.write', keys: ['Y'], place: 'screen', label: 'write', help: 'Write what this screen shows to a file, and say where.' },
  { action: 'screen.refresh', keys: ['ctrl-r'], place: 'screen', label: 'read again', help: 'Read what is shown from the backend again.' },
  { action: 'move.down', keys: ['j', 'down'], place: 'screen', label: 'down', help: 'Down.' },
  { action: 'move.up', keys: ['k', 'up'], place: 'screen', label: 'up', help: 'Up.' },
  { action: 'move.pageDown', keys: ['pagedown'], place: 'screen', label: 'page down', help: 'A page down.' },
  { action: 'move.pageUp', keys: ['pageup'], place: 'screen', label: 'page up', help: 'A page up.' },
  { action: 'move.halfDown', keys: ['ctrl-d'], place: 'screen', label: 'half down', help: 'Half a page down.' },
  { action: 'move.halfUp', keys: ['ctrl-u'], place: 'screen', label: 'half up', help: 'Half a page up.' },
  { action: 'move.top', keys: ['g', 'home'], place: 'screen', label: 'top', help: 'To the first row.' },
  { action: 'move.bottom', keys: ['G', 'end'], place: 'screen', label: 'bottom', help: 'To the last row.' },
  ...Object.values(screens).flatMap((screen) => screen.keys),
];
