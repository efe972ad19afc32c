import { parseSetting, settingNamed, settingText, type SettingName, type SettingValues } from '../../core/terminal-settings.ts';
import { UserError } from '../../protocol/error.ts';
import { presetNames } from '../keymap/presets/table.ts';
import type { State } from '../state.ts';
import { withOverlay } from '../update/result.ts';

/** Typed for a value, it means what holds where nothing is said. */
export const defaultWord = 'default';

/** What a setting can be. */
export function choicesOf(state: State, name: SettingName): readonly string[] {
  if (name === 'theme') return state.settings.themes.map((one) => one.name);
  return name === 'preset' ? presetNames : (settingNamed(name).choices ?? []);
}

/** A setting as a person typed it, as its value; undefined for the default. Throws `usage` for what it cannot be. */
export function settingValue(state: State, name: SettingName, text: string): SettingValues[SettingName] | undefined {
  if (text === defaultWord) return undefined;
  const value = parseSetting(settingNamed(name), text, choicesOf(state, name));
  const theme = name === 'theme' ? state.settings.themes.find((one) => one.name === text) : undefined;
  if (theme?.problem !== undefined) throw new UserError('usage', theme.problem);
  return value;
}

/** Opens the choice of a setting, on the value it has; of a yes or no on the other one. */
export function openChoice(state: State, name: SettingName): State {
  const now = state.settings.values[name];
  const at = settingText(typeof now === 'boolean' ? !now : now);
  return withOverlay(state, { type: 'choose', setting: name, title: `Choose: ${settingNamed(name).label}`, cursor: Math.max(0, choicesOf(state, name).indexOf(at)), before: state.settings });
}
