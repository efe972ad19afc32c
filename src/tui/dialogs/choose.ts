import { UserError } from '../../protocol/error.ts';
import type { Choose } from '../overlay.ts';
import { changeSettings, withSettings } from '../settings.ts';
import type { State } from '../state.ts';
import { closeOverlay, only, replaceOverlay, type Update } from '../update/result.ts';
import { setSetting } from './set-setting.ts';
import { choicesOf, settingValue } from './setting-choices.ts';

/** Another choice under the cursor: the screen shows at once what it would be. */
export function moveChoice(state: State, overlay: Choose, by: number): State {
  const choices = choicesOf(state, overlay.setting);
  const cursor = Math.max(0, Math.min(choices.length - 1, overlay.cursor + by));
  const moved = replaceOverlay(state, { ...overlay, cursor });
  try {
    const value = settingValue(state, overlay.setting, choices[cursor]!);
    return withSettings(moved, changeSettings(overlay.before, { [overlay.setting]: value }, 'looked at'));
  } catch (error) {
    // The list says what is wrong with it.
    if (error instanceof UserError) return withSettings(moved, overlay.before);
    throw error;
  }
}

export function acceptChoice(state: State, overlay: Choose): Update {
  const chosen = choicesOf(state, overlay.setting)[overlay.cursor];
  const restored = withSettings(state, overlay.before);
  return chosen === undefined ? only(closeOverlay(restored)) : setSetting(closeOverlay(restored), overlay.setting, chosen);
}

/** Everything as it was before. */
export function cancelChoice(state: State, overlay: Choose): State {
  return closeOverlay(withSettings(state, overlay.before));
}
