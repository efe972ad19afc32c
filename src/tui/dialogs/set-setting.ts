import { settingNamed, settingText, type SettingChange, type SettingName } from '../../core/terminal-settings.ts';
import { UserError } from '../../protocol/error.ts';
import { keyLabel } from '../input/key.ts';
import { effectiveKeymap } from '../keymap.ts';
import { parseKey } from '../keymap/key-names.ts';
import { sentence } from '../model/sentence.ts';
import { changeSettings, withSettings } from '../settings.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import { settingValue } from './setting-choices.ts';

/** Changes a setting now and for the next start; what it cannot be is said. */
export function setSetting(state: State, name: SettingName, text: string): Update {
  return saying(state, () => {
    const value = settingValue(state, name, text);
    const { label, isForNextStart } = settingNamed(name);
    const words = value === undefined ? settingText(state.settings.defaults[name]) : settingText(value);
    return keep(state, { [name]: value }, `${label}: ${words}${isForNextStart ? ' from the next start on' : ''}`);
  });
}

/** Gives an action other keys, now and for the next start. Undefined goes back to those of the preset. Throws `usage`. */
export function bindAction(state: State, action: string, keys: readonly string[] | undefined): Update {
  const { [action]: before, ...others } = state.settings.values.bindings;
  if (keys === undefined && before === undefined) throw new UserError('usage', `${action} has no keys of your own`, { hint: 'To leave it without any: `bind ACTION none`.' });
  const parsed = keys?.map(parseKey);
  const bindings = parsed === undefined ? others : { ...others, [action]: parsed };
  effectiveKeymap({ preset: state.settings.values.preset, bindings });
  const words = parsed === undefined ? 'as in the preset' : parsed.length === 0 ? 'on no key' : `on ${parsed.map(keyLabel).join(' and ')}`;
  return keep(state, { bindings }, `${action} is ${words}`);
}

/** Other settings now, and in the config file. */
function keep(state: State, change: SettingChange, words: string): Update {
  const { settings } = state;
  if ('preset' in change) effectiveKeymap({ preset: change.preset ?? settings.defaults.preset, bindings: settings.values.bindings });
  const next = withSettings(state, changeSettings(settings, change, settings.file === undefined ? 'until you leave' : 'config file'));
  if (settings.file === undefined) return only(told(next, `${words}, until you leave.`));
  // What is said on the command line or in the environment will be said again.
  const stronger = Object.keys(change).map((name) => settings.origins[name as SettingName]).find((origin) => origin !== undefined && /^--|^STEPSCOPE_/.test(origin));
  const text = `${words}, kept in ${settings.file}.${stronger === undefined ? '' : ` ${stronger} goes before it at the next start.`}`;
  return only(told(next, `${words}.`), { type: 'saveSettings', change, text });
}

function saying(state: State, work: () => Update): Update {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return only(told(state, sentence(error.message, error.hint), 'error'));
  }
}
