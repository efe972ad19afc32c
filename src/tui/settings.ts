import { settingValues, type GivenSettings, type SettingChange, type SettingName, type SettingValues } from '../core/terminal-settings.ts';
import { colorDepth, isColorForbidden, type ColorDepth } from './output/paint.ts';
import { asciiGlyphs, speaksUnicode, unicodeGlyphs } from './output/glyphs.ts';
import type { Theme } from './output/theme.ts';
import type { KnownTheme } from './output/themes.ts';
import type { State } from './state.ts';

/** How the terminal looks and what its keys are, with where each value comes from. */
export interface Settings {
  readonly values: SettingValues;
  /** `--theme`, `STEPSCOPE_THEME`, `config file`; without an entry it is the default. */
  readonly origins: Readonly<Partial<Record<keyof SettingValues, string>>>;
  /** What holds where nothing is said. */
  readonly defaults: SettingValues;
  /** The config file; undefined where changes are kept nowhere. */
  readonly file: string | undefined;
  readonly themes: readonly KnownTheme[];
  /** Colours that the environment promises. */
  readonly depth: ColorDepth;
  /** The environment forbids colours, whatever the terminal could show. */
  readonly isColorForbidden: boolean;
}

/** What the command line gives the terminal of its settings. */
export interface TuiSettings {
  readonly given: GivenSettings;
  /** Where a person's own themes are. */
  readonly themesFolder: string;
  /** Keeps a change for the next start. Throws `UserError`s. */
  readonly save: (change: SettingChange) => void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings a terminal begins with. */
export function settingsOf(environment: Environment, themes: readonly KnownTheme[], given?: GivenSettings): Settings {
  const depth = colorDepth(environment);
  const defaults = settingValues({}, { ascii: !speaksUnicode(environment), theme: depth === 0 ? 'mono' : 'dark' });
  return { values: settingValues(given?.values ?? {}, defaults), origins: given?.origins ?? {}, defaults, file: given?.file, themes, depth, isColorForbidden: isColorForbidden(environment) };
}

/** Where the value of a setting comes from, in words. */
export function originOf(settings: Settings, name: keyof SettingValues): string {
  return settings.origins[name] ?? 'default';
}

/** A setting as it is in force, which may not be as it was chosen, and what made it so. */
export function settingInForce(settings: Settings, name: SettingName): { readonly value: SettingValues[SettingName]; readonly from: string } {
  const isForbidden = settings.isColorForbidden && settings.values.colors === 'auto';
  if (isForbidden && (name === 'theme' || name === 'colors')) return { value: name === 'theme' ? 'mono' : 'none', from: 'NO_COLOR' };
  return { value: settings.values[name], from: originOf(settings, name) };
}

const depths: Readonly<Record<Exclude<SettingValues['colors'], 'auto'>, ColorDepth>> = { none: 0, 16: 4, 256: 8, full: 24 };

/** What lines are painted with now. Without colours there is one theme, whatever was chosen. */
export function lookOf({ values, depth: promised, themes }: Settings): { readonly theme: Theme; readonly depth: ColorDepth; readonly ascii: boolean } {
  const wanted = values.colors === 'auto' ? promised : depths[values.colors];
  // Over a poor link every colour counts: the sixteen are a third as long to say.
  const depth = values.lowBandwidth && wanted > 4 ? 4 : wanted;
  const named = (name: string) => themes.find((one) => one.name === name)?.theme;
  const theme = (depth === 0 ? named('mono') : named(values.theme)) ?? named('dark');
  if (!theme) throw new Error('the themes are missing');
  return { theme, depth, ascii: values.ascii };
}

/** The same program with other settings, and what follows from them. */
export function withSettings(state: State, settings: Settings): State {
  const { values } = settings;
  return { ...state, settings, glyphs: values.ascii ? asciiGlyphs : unicodeGlyphs, timeFormat: values.timeFormat };
}

/** A change that holds at once; undefined goes back to the default. */
export function changeSettings(settings: Settings, change: SettingChange, origin: string): Settings {
  const values: Record<string, unknown> = { ...settings.values };
  const origins: Partial<Record<keyof SettingValues, string>> = { ...settings.origins };
  for (const [name, value] of Object.entries(change) as [SettingName, unknown][]) {
    values[name] = value ?? settings.defaults[name];
    if (value === undefined) delete origins[name];
    else origins[name] = origin;
  }
  return { ...settings, values: values as unknown as SettingValues, origins };
}
