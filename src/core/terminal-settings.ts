import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import { colorChoices, timeFormats, type KeyBindings, type TerminalConfig } from '../protocol/terminal-settings.ts';
import { didYouMean } from './closest.ts';

/** How the terminal looks and what its keys are: a value for everything. */
export interface SettingValues {
  readonly theme: string;
  /** Keys as the hands of another tool expect them. */
  readonly preset: string;
  readonly ascii: boolean;
  readonly colors: (typeof colorChoices)[number];
  readonly timeFormat: (typeof timeFormats)[number];
  readonly lowBandwidth: boolean;
  readonly showBytes: boolean;
  readonly screenReader: boolean;
  /** Lines that are kept of the log of a run that is followed. */
  readonly logLines: number;
  readonly bindings: KeyBindings;
}

export type SettingName = Exclude<keyof SettingValues, 'bindings'>;

/** Values for some of them; undefined is nothing said, and takes an entry out of the config file. */
export type SettingChange = { readonly [Name in keyof SettingValues]?: SettingValues[Name] | undefined };

/** What was said about them, and where: `--theme`, `STEPSCOPE_THEME`, `config file`. */
export interface GivenSettings {
  readonly values: SettingChange;
  readonly origins: Readonly<Partial<Record<keyof SettingValues, string>>>;
  /** The config file, which changes are written to. */
  readonly file: string;
}

interface SettingAbout {
  readonly name: SettingName;
  readonly label: string;
  /** A sentence for the settings screen. */
  readonly about: string;
  /** What it can be; undefined where only the terminal knows, as for themes. */
  readonly choices: readonly string[] | undefined;
  /** It is a whole number from the first to the last of these; its choices are some of them. */
  readonly range?: readonly [number, number];
  /** It cannot change while the program runs. */
  readonly isForNextStart?: boolean;
}

const yesNo = ['yes', 'no'] as const;

/** Every setting, in the order in which a person reads them. */
export const settingTable: readonly SettingAbout[] = [
  { name: 'theme', label: 'theme', about: 'Colours. Own themes are JSON files in `themes` beside the config file.', choices: undefined },
  { name: 'preset', label: 'keys', about: 'Keys as the hands of another tool expect them; your own come on top.', choices: undefined },
  { name: 'colors', label: 'colours', about: 'Colours the terminal takes; auto asks the environment, as for NO_COLOR.', choices: colorChoices },
  { name: 'ascii', label: 'ASCII', about: 'Draw with ASCII only; by default the locale decides.', choices: yesNo },
  { name: 'timeFormat', label: 'times', about: 'Since the start of the run, as clock times, or relative to now.', choices: timeFormats },
  { name: 'lowBandwidth', label: 'low bandwidth', about: 'Two frames a second and nothing that only moves.', choices: yesNo },
  { name: 'showBytes', label: 'bytes', about: 'Show how many bytes a second go to the terminal.', choices: yesNo },
  { name: 'screenReader', label: 'screen reader', about: 'Lines of words as things happen, in place of a screen; from the next start.', choices: yesNo, isForNextStart: true },
  {
    name: 'logLines', label: 'log lines', about: 'Lines kept of a log that is followed, at 36 bytes each; from the next start.', isForNextStart: true,
    choices: ['10000', '100000', '1000000', '10000000'], range: [limits.fewestLogLines, limits.mostLogLines],
  },
];

const defaults: SettingValues = {
  theme: 'dark', preset: 'vim', ascii: false, colors: 'auto', timeFormat: 'elapsed', lowBandwidth: false, showBytes: false, screenReader: false, logLines: limits.logLines, bindings: {},
};

/** The values in force. `known` is what the terminal finds out by itself where nothing was said. */
export function settingValues(given: SettingChange, known: SettingChange = {}): SettingValues {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defaults, ...known, ...said } as SettingValues;
}

/** Of config file, environment and flags, in this order, a later one wins. */
export function mergeSettings(file: string, layers: readonly { readonly values: SettingChange; readonly originOf: (name: keyof SettingValues) => string }[]): GivenSettings {
  const values: Record<string, unknown> = {};
  const origins: Partial<Record<keyof SettingValues, string>> = {};
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer.values) as [keyof SettingValues, unknown][]) {
      if (value === undefined) continue;
      values[name] = value;
      origins[name] = layer.originOf(name);
    }
  }
  return { values: values as SettingChange, origins, file };
}

/** The settings as the config file has them. */
export function configuredSettings({ keys, ...others }: TerminalConfig): SettingChange {
  return { ...others, preset: keys?.preset, bindings: keys?.bindings };
}

/** The config with changes in it; entries that are about something else stay as they are, and so do those that nobody knows. */
export function changedConfig(config: Readonly<Record<string, unknown>>, change: SettingChange): Record<string, unknown> {
  const { preset, bindings, ...others } = change;
  if (!('preset' in change) && !('bindings' in change)) return JSON.parse(JSON.stringify({ ...config, ...others })) as Record<string, unknown>;
  const before = (typeof config['keys'] === 'object' ? config['keys'] : {}) as TerminalConfig['keys'];
  const keys = { ...before, ...('preset' in change ? { preset } : {}), ...('bindings' in change ? { bindings } : {}) };
  if (keys.bindings !== undefined && Object.keys(keys.bindings).length === 0) delete keys.bindings;
  const next = { ...config, ...others, keys: Object.values(keys).some((one) => one !== undefined) ? keys : undefined };
  return JSON.parse(JSON.stringify(next)) as Record<string, unknown>;
}

/** The setting of a name, or of the label that sentences call it by. Throws `usage` with the closest one. */
export function settingNamed(name: string): SettingAbout {
  const found = settingTable.find((one) => one.name === name) ?? settingTable.find((one) => one.label === name);
  if (found) return found;
  const names = settingTable.map((one) => one.name);
  throw new UserError('usage', `no setting "${name}"`, { hint: didYouMean(name, names) ?? `There are ${names.join(', ')}.` });
}

/** What a person typed for a setting, as its value. `choices` are those of a setting whose own the table does not know. Throws `usage`. */
export function parseSetting(setting: SettingAbout, text: string, choices: readonly string[]): SettingValues[SettingName] {
  const possible = setting.choices ?? choices;
  if (setting.range) return numberWithin(setting.name, text, setting.range);
  if (setting.choices === yesNo) {
    if (['yes', 'true', 'on', '1'].includes(text)) return true;
    if (['no', 'false', 'off', '0'].includes(text)) return false;
  } else if (possible.includes(text)) return text;
  throw new UserError('usage', `${setting.name} cannot be "${text}"`, { hint: didYouMean(text, possible) ?? `It can be ${possible.join(', ')}.` });
}

function numberWithin(name: string, text: string, [from, to]: readonly [number, number]): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= from && number <= to) return number;
  throw new UserError('usage', `${name} cannot be "${text}"`, { hint: `It can be a whole number from ${from} to ${to}.` });
}

/** A value as a person reads and types it. */
export function settingText(value: SettingValues[SettingName]): string {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}
