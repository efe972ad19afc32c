import type { ActionName } from './action-names.ts';
import type { KeyName } from './input/key.ts';
import { dialogKeys } from './keymap/dialogs.ts';
import { globalKeys } from './keymap/global.ts';
import { runKeys } from './keymap/run.ts';
import { screenKeys } from './keymap/screens.ts';
import { shownScreen } from './screens/screen.ts';
import type { ScreenState } from './screens/table.ts';
import type { State } from './state.ts';

/**
 * Where a key means something. The focused thing comes first, then what it stands in: a key of the log
 * hides the same key of the run screen.
 */
export type Place =
  | 'anywhere' | 'connecting' | 'runs' | 'run' | 'steps' | 'log' | 'detail' | 'json' | 'diff' | 'playback' | 'screen' | ScreenState['name']
  | 'help' | 'prompt' | 'form' | 'editor' | 'preview' | 'confirm' | 'copy' | 'logLine' | 'leave';

export interface Binding {
  readonly action: ActionName;
  readonly keys: readonly KeyName[];
  readonly place: Place;
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
export const keymap: readonly Binding[] = [...globalKeys, ...runKeys, ...screenKeys, ...dialogKeys];

const dialogPlaces = {
  prompt: 'prompt', help: 'help', newRun: 'form', bookmark: 'form', form: 'form', confirm: 'confirm', editor: 'editor', preview: 'preview',
  copy: 'copy', logLine: 'logLine', leave: 'leave',
} as const;

/** Where the keyboard is, innermost first. A dialog hides all that is under it. */
export function placesOf(state: State): readonly Place[] {
  const overlay = state.overlays.at(-1);
  if (overlay) return [dialogPlaces[overlay.type]];
  if (state.session.phase !== 'ready') return ['connecting', 'anywhere'];
  const screen = shownScreen(state);
  if (screen) return [screen.name, 'screen', 'anywhere'];
  const run = state.open;
  if (!run) return ['runs', 'anywhere'];
  const around: readonly Place[] = [...(run.playback ? ['playback' as const] : []), 'run', 'anywhere'];
  if (run.pane !== 'detail') return [run.pane, ...around];
  const { tab } = run.detail;
  if (tab === 'diff') return ['diff', 'detail', ...around];
  return tab === 'inputs' || tab === 'outputs' || tab === 'state' ? ['json', 'detail', ...around] : ['detail', ...around];
}

/** What a key means now; undefined when it means nothing. */
export function bindingFor(state: State, key: KeyName): Binding | undefined {
  for (const place of placesOf(state)) {
    const found = keymap.find((binding) => binding.place === place && binding.keys.includes(key));
    if (found) return found;
  }
  return undefined;
}

/** Everything that can be asked for now, innermost first, without what an inner place hides. */
export function bindingsNow(state: State): readonly Binding[] {
  const seen = new Set<KeyName>();
  return placesOf(state).flatMap((place) =>
    keymap.filter((binding) => {
      if (binding.place !== place || binding.keys.every((key) => seen.has(key))) return false;
      for (const key of binding.keys) seen.add(key);
      return true;
    }),
  );
}
