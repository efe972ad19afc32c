import { settingNamed, settingTable } from '../../../core/terminal-settings.ts';
import { UserError } from '../../../protocol/error.ts';
import { keymap } from '../../keymap.ts';
import { presetNames } from '../../keymap/presets/table.ts';
import { changeSettings, withSettings } from '../../settings.ts';
import { only, told } from '../../update/result.ts';
import { bindAction, setSetting } from '../set-setting.ts';
import { choicesOf, defaultWord } from '../setting-choices.ts';
import type { Command } from './command.ts';

const actionNames = () => [...new Set(keymap.map((binding) => binding.action))];

/** Commands that change how the terminal looks and what its keys are. All but `bytes` hold for the next start too. */
export const settingCommands: Readonly<Record<string, Command>> = {
  theme: {
    usage: 'theme NAME', help: 'other colours; own files are read anew', plain: (state) => choicesOf(state, 'theme'),
    run: (state, { plain: [name] }) => {
      if (name === undefined) throw new UserError('usage', 'theme needs a name', { hint: choicesOf(state, 'theme').join(', ') });
      // A file may have been written or mended since the start.
      return only(state, { type: 'readThemes', choose: name });
    },
  },
  preset: {
    usage: 'preset NAME', help: 'keys as the hands of another tool expect them', plain: () => presetNames,
    run: (state, { plain: [name = ''] }) => setSetting(state, 'preset', name),
  },
  set: {
    usage: 'set NAME VALUE', help: 'a setting, or `default` for what holds when nothing is said',
    plain: (state, before) => (before.length === 0 ? settingTable.map((one) => one.name) : [...choicesOf(state, settingNamed(before[0]!).name), defaultWord]),
    run: (state, { plain: [name, value] }) => {
      if (name === undefined || value === undefined) throw new UserError('usage', 'set needs a name and a value', { hint: settingTable.map((one) => one.name).join(', ') });
      return setSetting(state, settingNamed(name).name, value);
    },
  },
  bind: {
    usage: 'bind ACTION KEY…', help: 'other keys for an action; `none` for no key', isText: true, plain: (_state, before) => (before.length === 0 ? actionNames() : []),
    run: (state, { plain: [text = ''] }) => {
      const [action, ...keys] = text.split(/\s+/).filter((word) => word !== '');
      if (action === undefined || keys.length === 0) throw new UserError('usage', 'bind needs an action and a key', { hint: '`bind log.nextError e`' });
      return bindAction(state, action, keys.length === 1 && keys[0] === 'none' ? [] : keys);
    },
  },
  unbind: {
    usage: 'unbind ACTION', help: 'the keys of the preset again', plain: (state) => Object.keys(state.settings.values.bindings),
    run: (state, { plain: [action] }) => {
      if (action === undefined) throw new UserError('usage', 'unbind needs an action', { hint: Object.keys(state.settings.values.bindings).join(', ') || 'There are no keys of your own.' });
      return bindAction(state, action, undefined);
    },
  },
  bytes: {
    usage: 'bytes', help: 'show how many bytes a second go to the terminal, or not',
    run: (state) => {
      const showBytes = !state.settings.values.showBytes;
      return only(told(withSettings(state, changeSettings(state.settings, { showBytes }, 'until you leave')), showBytes ? 'Bytes a second are shown.' : 'Bytes are not shown any more.'));
    },
  },
};
