import { settingNamed, settingTable, settingText } from '../../core/terminal-settings.ts';
import { defaultWord, openChoice } from '../dialogs/setting-choices.ts';
import { fit, line, span, wrap, type Line } from '../output/line.ts';
import { originOf, settingInForce } from '../settings.ts';
import type { State } from '../state.ts';
import { only, told, withPrompt } from '../update/result.ts';
import { newScreen, on, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** How the terminal looks and what its keys are: every value, and where it comes from. */
export interface SettingsState extends ScreenBase {
  readonly name: 'settings';
}

export const newSettingsScreen: SettingsState = { ...newScreen, name: 'settings' };

/** What the ids of rows begin with. */
const SETTING = 'setting:';
const BINDING = 'binding:';
const NAME_CELLS = 17;
const VALUE_CELLS = 14;
const ORIGIN_CELLS = 25;
/** Cells from which on every row says what it is about. */
const ROOM_FOR_ALL = 120;

function rows(state: State, _own: SettingsState, columns: number): readonly ScreenRow[] {
  const { settings } = state;
  const head = (text: string): ScreenRow => ({ line: line(` ${text}`, 'heading') });
  const say = (text: string): readonly ScreenRow[] => wrap(text, columns - 2).map((one) => ({ line: line(` ${one}`, 'muted') }));
  const bindings = Object.entries(settings.values.bindings);
  return [
    ...settingTable.map(({ name, about }) => ({ name, about, ...settingInForce(settings, name) })).map(({ name, about, value, from }): ScreenRow => ({
      line: [
        span(` ${fit(name, NAME_CELLS)}`), span(fit(settingText(value), VALUE_CELLS), 'accent'), span(` ${fit(from, ORIGIN_CELLS)}`, 'muted'),
        // The second row of the screen says it of the one under the cursor.
        ...(columns >= ROOM_FOR_ALL ? [span(` ${about}`, 'muted' as const)] : []),
      ],
      id: `${SETTING}${name}`, isStop: true,
    })),
    { line: [] },
    head('Keys of your own'),
    ...(bindings.length > 0
      ? bindings.map(([action, keys]): ScreenRow => ({
          line: [span(` ${fit(action, NAME_CELLS + VALUE_CELLS)}`), span(fit(keys.length === 0 ? 'no key' : keys.join(' '), ORIGIN_CELLS), 'key'), span(` ${originOf(settings, 'bindings')}`, 'muted')],
          id: `${BINDING}${action}`, isStop: true,
        }))
      : say('None. Type :bind log.nextError e, or press Ctrl-r on an entry of the help.')),
    { line: [] },
    head('Kept in'),
    ...say(settings.file ?? 'Nowhere: changes hold until you leave.'),
    ...settings.themes.filter((one) => one.problem !== undefined).flatMap((one) => wrap(one.problem!, columns - 2).map((text): ScreenRow => ({ line: line(` ${text}`, 'error') }))),
  ];
}

/** What the cursor is on. */
function chosen(state: State, own: SettingsState) {
  const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
  const name = id?.startsWith(SETTING) ? settingTable.find((one) => `${SETTING}${one.name}` === id)?.name : undefined;
  return { name, action: id?.startsWith(BINDING) ? id.slice(BINDING.length) : undefined };
}

function about(state: State, own: SettingsState): Line {
  const { name, action } = chosen(state, own);
  const text = name !== undefined ? settingNamed(name).about : action !== undefined ? 'Enter changes its keys; d gives it those of the preset again.' : 'Enter changes what the cursor is on; d goes back to the default.';
  return line(` ${text}`, 'muted');
}

export const settingsScreen: Screen<SettingsState> = {
  title: () => 'Settings',
  about,
  rows,
  stops: 'setting',
  keys: [
    { action: 'settings.change', keys: ['enter', 'l', 'right', 'space'], place: 'settings', label: 'change', help: 'Change the setting, or the keys of the action. What it would look like is shown while choosing.', footer: 1 },
    { action: 'settings.default', keys: ['d', 'delete'], place: 'settings', label: 'default', help: 'Back to the default; of own keys, to those of the preset.', footer: 2 },
  ],
  actions: {
    'settings.change': on('settings', (state, own) => {
      const { name, action } = chosen(state, own);
      if (action !== undefined) return only(withPrompt(state, 'command', `bind ${action} ${(state.settings.values.bindings[action] ?? []).join(' ')}`));
      if (name === undefined) return only(told(state, 'Nothing can be changed in this row.'));
      return only(openChoice(state, name));
    }),
    'settings.default': on('settings', (state, own) => {
      const { name, action } = chosen(state, own);
      if (action !== undefined) return only(withPrompt(state, 'command', `unbind ${action}`));
      return name === undefined ? only(told(state, 'Nothing can be changed in this row.')) : only(withPrompt(state, 'command', `set ${name} ${defaultWord}`));
    }),
  },
  commands: {
    settings: { usage: 'settings', help: 'how the terminal looks and what its keys are', run: (state) => only(withScreen(state, newSettingsScreen)) },
  },
};
