import type { ActionName } from './action-names.ts';
import { didYouMean } from '../core/closest.ts';
import type { SettingValues } from '../core/terminal-settings.ts';
import { UserError } from '../protocol/error.ts';
import type { KeyBindings } from '../protocol/terminal-settings.ts';
import { keyLabel, typedText, type KeyName } from './input/key.ts';
import { bindKeys } from './keymap/bind-keys.ts';
import { provideKeys } from './keymap/key-marks.ts';
import { dialogKeys } from './keymap/dialogs.ts';
import { globalKeys } from './keymap/global.ts';
import { runKeys } from './keymap/run.ts';
import { presetNames, presets } from './keymap/presets/table.ts';
import { screenKeys } from './keymap/screens.ts';
import { houseKeys } from './keymap/house.ts';
import { shownView } from './model/house.ts';
import { shownScreen } from './screens/screen.ts';
import type { ScreenState } from './screens/table.ts';
import type { State } from './state.ts';

/**
 * Where a key means something. The focused thing comes first, then what it stands in: a key of the log
 * hides the same key of the run screen.
 */
export type Place =
  | 'anywhere' | 'connecting' | 'house' | 'runs' | 'run' | 'steps' | 'log' | 'logTree' | 'detail' | 'json' | 'diff' | 'playback' | 'screen' | ScreenState['name']
  | 'help' | 'prompt' | 'form' | 'editor' | 'preview' | 'confirm' | 'copy' | 'leave' | 'choose';

export interface Binding {
  readonly action: ActionName;
  readonly keys: readonly KeyName[];
  readonly place: Place;
  /** Works over dialogs, too, unless they have the key themselves or it is text: of what leaves the state as it is. */
  readonly overDialogs?: true | undefined;
  /** One or two words for the footer. */
  readonly label: string;
  /** The label where it depends on what is shown. */
  readonly labelNow?: ((state: State) => string) | undefined;
  /** A sentence for the help. */
  readonly help: string;
  /** Place in the footer, 1 first; without it the key stands only in the help. */
  readonly footer?: number | undefined;
  /** The key is worth its place in the footer only now. */
  readonly footerWhen?: ((state: State) => boolean) | undefined;
  /** Why the key does nothing now, in words for a person; undefined when it works. */
  readonly disabled?: ((state: State) => string | undefined) | undefined;
}

/** Every key of the program. The handler, the footer, the help and the README are read from here. */
export const keymap: readonly Binding[] = [...globalKeys, ...houseKeys, ...runKeys, ...screenKeys, ...dialogKeys];

let last: { readonly preset: string; readonly bindings: KeyBindings; readonly table: readonly Binding[] } | undefined;

/**
 * The table with a person's keys: those of the preset, and on top their own. Throws `usage` that names the entry which
 * cannot be; what is in a state has been through here.
 */
export function effectiveKeymap({ preset, bindings }: Pick<SettingValues, 'preset' | 'bindings'>): readonly Binding[] {
  if (last?.preset === preset && last.bindings === bindings) return last.table;
  const chosen = Object.hasOwn(presets, preset) ? presets[preset] : undefined;
  if (!chosen) throw new UserError('usage', `there are no keys called "${preset}"`, { hint: didYouMean(preset, presetNames) ?? `There are ${presetNames.join(', ')}.` });
  const table = bindKeys(bindKeys(keymap, chosen.bindings, 'preset'), bindings, 'person');
  last = { preset, bindings, table };
  return table;
}

/** Whether the keys can be had; {@link effectiveKeymap} says why not. */
export function isKeymap(wanted: Pick<SettingValues, 'preset' | 'bindings'>): boolean {
  try {
    effectiveKeymap(wanted);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** The keys as they are bound now. */
export function keymapOf(state: State): readonly Binding[] {
  return effectiveKeymap(state.settings.values);
}

/** What people read for the key of an action now, where the keyboard is before anywhere else; undefined where it has none. */
export function keyOf(state: State, action: ActionName): string | undefined {
  const bound = keymapOf(state).filter((binding) => binding.action === action && binding.keys.length > 0);
  const here = placesOf(state).map((place) => bound.find((binding) => binding.place === place)).find((binding) => binding !== undefined);
  const key = (here ?? bound[0])?.keys[0];
  return key === undefined ? undefined : keyLabel(key);
}

provideKeys(keyOf);

const dialogPlaces = {
  prompt: 'prompt', help: 'help', newRun: 'form', bookmark: 'form', form: 'form', confirm: 'confirm', editor: 'editor', preview: 'preview',
  copy: 'copy', leave: 'leave', choose: 'choose',
} as const;

/** Where the keyboard is, innermost first. A dialog hides all that is under it. */
export function placesOf(state: State): readonly Place[] {
  const overlay = state.overlays.at(-1);
  if (overlay) return [dialogPlaces[overlay.type]];
  if (state.session.phase !== 'ready') return ['connecting', 'anywhere'];
  const screen = shownScreen(state);
  // Views of the house have keys in common, as the panes of a run have.
  const house: readonly Place[] = shownView(state) === undefined ? [] : ['house'];
  if (screen) return [screen.name, 'screen', ...house, 'anywhere'];
  const run = state.open;
  if (!run) return ['runs', ...house, 'anywhere'];
  const around: readonly Place[] = [...(run.playback ? ['playback' as const] : []), 'run', 'anywhere'];
  if (run.pane === 'log' && run.log.inside !== undefined) return ['logTree', 'log', ...around];
  if (run.pane !== 'detail') return [run.pane, ...around];
  const { tab } = run.detail;
  if (tab === 'diff') return ['diff', 'detail', ...around];
  return tab === 'inputs' || tab === 'outputs' || tab === 'state' ? ['json', 'detail', ...around] : ['detail', ...around];
}

/** What a key means now; undefined when it means nothing. */
export function bindingFor(state: State, key: KeyName): Binding | undefined {
  for (const place of placesOf(state)) {
    const found = keymapOf(state).find((binding) => binding.place === place && binding.keys.includes(key));
    if (found) return found;
  }
  if (state.overlays.length === 0 || typedText(key) !== undefined) return undefined;
  return keymapOf(state).find((binding) => binding.overDialogs && binding.keys.includes(key));
}

/** Everything that can be asked for now, innermost first, without what an inner place hides. */
export function bindingsNow(state: State): readonly Binding[] {
  const seen = new Set<KeyName>();
  return placesOf(state).flatMap((place) =>
    keymapOf(state).filter((binding) => {
      if (binding.place !== place || binding.keys.every((key) => seen.has(key))) return false;
      for (const key of binding.keys) seen.add(key);
      return true;
    }),
  );
}
