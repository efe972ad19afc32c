import { settingNamed, settingTable, settingText } from '../../../core/terminal-settings.ts';
import { UserError } from '../../../protocol/error.ts';
import { newSettingsScreen } from '../../screens/settings.ts';
import { withScreen } from '../../screens/screen.ts';
import { only, told } from '../../update/result.ts';
import type { Command } from './command.ts';
import { settingCommands } from './settings.ts';
import { splitWords } from './words.ts';

const deeds = ['get', 'set', 'bind', 'unbind', 'path'] as const;

/** The settings by the grammar of the command line; what is written is what `set`, `bind` and `unbind` write. */
export const configCommand: Command = {
  usage: 'config [get|set|bind|unbind|path]', help: 'the settings; `config set NAME VALUE` changes one, `config bind ACTION KEY…` a key', isText: true,
  plain: (state, [deed, ...before]) => {
    if (deed === undefined) return deeds;
    if (deed === 'get') return before.length === 0 ? settingTable.map((one) => one.name) : [];
    return isOneOf(deed) && deed !== 'path' ? (settingCommands[deed]?.plain?.(state, before) ?? []) : [];
  },
  run: (state, { plain: [text = ''] }) => {
    const [deed, ...words] = splitWords(text);
    switch (deed) {
      case undefined:
        return only(withScreen(state, newSettingsScreen));
      case 'path':
        return only(told(state, state.settings.file === undefined ? 'There is no config file; changes hold until you leave.' : `The config file is ${state.settings.file}`));
      case 'get': {
        if (words[0] === undefined) throw new UserError('usage', 'get needs the name of a setting', { hint: settingTable.map((one) => one.name).join(', ') });
        const { name } = settingNamed(words[0]);
        return only(told(state, `${name} is ${settingText(state.settings.values[name])}.`));
      }
      case 'set':
        return settingCommands['set']!.run(state, { plain: words, options: new Map() });
      case 'bind':
      case 'unbind':
        // On the command line an action without a key has those of the preset again.
        if (deed === 'unbind' || words.length < 2) return settingCommands['unbind']!.run(state, { plain: words, options: new Map() });
        // A quote may be the key.
        return settingCommands['bind']!.run(state, { plain: [text.trim().replace(/^bind\s+/, '')], options: new Map() });
      default:
        throw new UserError('usage', `config can ${deeds.join(', ')}, not "${deed}"`);
    }
  },
};

function isOneOf(word: string): word is (typeof deeds)[number] {
  return deeds.some((one) => one === word);
}
