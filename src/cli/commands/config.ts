import type { Command } from 'commander';
import { didYouMean } from '../../core/closest.ts';
import { parseSetting, settingNamed, settingTable, settingText, settingValues, type SettingName } from '../../core/terminal-settings.ts';
import { UserError } from '../../protocol/error.ts';
import type { KeyBindings } from '../../protocol/terminal-settings.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { changeConfigFile, terminalSettings, type Settings } from '../settings.ts';
import { tableLines } from '../print/table.ts';

/** Values that a setting can have, and the default among the words. */
const DEFAULT = 'default';

/** They need no backend, and work with a config file that has something wrong in it: they are what mends it. */
const forConfig = { withoutBackend: true, mendsConfig: true };

/** Settings of the terminal: what holds, where it comes from, and changing it for every later start. */
export function addConfigCommand(program: Command): void {
  const config = program
    .command('config')
    .summary('Shows and changes the settings of the terminal.')
    .description('Shows the settings of the terminal and where each comes from. Flags go before the environment, the environment before the config file.');
  onCall(config, async ({ settings, io }) => show(settings, io, settingTable.map((one) => one.name)), forConfig);

  const get = config.command('get').summary('Prints one value.').description('Prints the value of one setting.').argument('<name>', 'its name');
  onCall(get, async ({ args, settings, io }) => {
    const { name } = settingNamed(args[0]!);
    if (io.json) await show(settings, io, [name]);
    else io.out(settingText((await import('../../tui/settings.ts')).settingInForce(await known(settings), name).value));
  }, forConfig);

  const set = config
    .command('set')
    .summary('Changes a setting.')
    .description('Changes a setting in the config file, for every later start. `default` takes it out again.')
    .argument('<name>', 'its name')
    .argument('<value>', 'its value, or default');
  onCall(set, async ({ args, settings, io }) => {
    const { name } = settingNamed(args[0]!);
    const value = args[1] === DEFAULT ? undefined : parseSetting(settingNamed(name), args[1]!, await choicesOf(settings, name));
    await keep(settings, name === 'preset' ? { preset: value as string | undefined } : { [name]: value });
    told(settings, io, name, `${name} is ${value === undefined ? 'the default' : settingText(value)} from the next start on, in ${settings.terminal.file}`);
  }, forConfig);

  const bind = config
    .command('bind')
    .summary('Gives an action of the terminal other keys.')
    .description('Gives an action of the terminal other keys, as in `config bind log.nextError e`. `none` leaves it without; `config unbind` takes them back.')
    .argument('<action>', 'its name; the help of the terminal shows it')
    .argument('[key...]', 'a character, Ctrl-x, Space, PgDn and the like');
  onCall(bind, async ({ args, rest, settings, io }) => {
    if (rest.length === 0) {
      await unbindAction(settings, io, args[0]!);
      return;
    }
    const { parseKey } = await import('../../tui/keymap/key-names.ts');
    const keys = rest.length === 1 && rest[0] === 'none' ? [] : rest.map(parseKey);
    await keep(settings, { bindings: { ...settings.terminal.values.bindings, [args[0]!]: keys } }, { [args[0]!]: keys });
    told(settings, io, 'bindings', `${args[0]} is ${keys.length === 0 ? 'on no key' : `on ${keys.join(' and ')}`} from the next start on, in ${settings.terminal.file}`);
  }, forConfig);

  const unbind = config
    .command('unbind')
    .summary('Gives an action the keys of the preset again.')
    .description('Takes the keys out of the config file that `config bind` put there for an action: it has those of the preset again.')
    .argument('<action>', 'its name; `config` lists those with keys of your own');
  onCall(unbind, async ({ args, settings, io }) => await unbindAction(settings, io, args[0]!), forConfig);

  const path = config.command('path').summary('Prints where the config file is.').description('Prints where the config file is, or would be.');
  onCall(path, async ({ settings, io }) => io.out(io.json ? JSON.stringify({ path: settings.terminal.file }) : settings.terminal.file), forConfig);
}

async function unbindAction(settings: Settings, io: Io, action: string): Promise<void> {
  const { [action]: before, ...others } = settings.terminal.values.bindings ?? {};
  if (before === undefined) throw new UserError('usage', `${action} has no keys of your own`, { hint: didYouMean(action, Object.keys(others)) });
  await keep(settings, { bindings: others });
  told(settings, io, 'bindings', `${action} is as in the preset from the next start on, in ${settings.terminal.file}`);
}

/** The terminal's own part is loaded only here: other commands start without it. */
async function known(settings: Settings) {
  const [{ settingsOf }, { readThemes }] = await Promise.all([import('../../tui/settings.ts'), import('../../tui/output/themes.ts')]);
  return settingsOf(process.env, readThemes(terminalSettings(settings).themesFolder), settings.terminal);
}

async function choicesOf(settings: Settings, name: SettingName): Promise<readonly string[]> {
  if (name === 'theme') return (await known(settings)).themes.map((one) => one.name);
  return name === 'preset' ? (await import('../../tui/keymap/presets/table.ts')).presetNames : [];
}

/**
 * Writes a change that the terminal can begin with. Throws `usage` for one that it cannot. Where the keys were wrong before,
 * only what is new is judged, `bound` of the bindings: a person mends one entry after the other.
 */
async function keep(settings: Settings, change: Parameters<typeof changeConfigFile>[1], bound: KeyBindings = {}): Promise<void> {
  const { values } = settings.terminal;
  if ('bindings' in change || 'preset' in change) {
    const { effectiveKeymap, isKeymap } = await import('../../tui/keymap.ts');
    effectiveKeymap(settingValues(isKeymap(settingValues(values)) ? { ...values, ...change } : { preset: change.preset, bindings: bound }));
  }
  if (change.theme !== undefined) (await import('../../tui/output/themes.ts')).loadTheme(change.theme, terminalSettings(settings).themesFolder);
  changeConfigFile(settings.terminal.file, change);
}

async function show(settings: Settings, io: Io, names: readonly SettingName[]): Promise<void> {
  const all = await known(settings);
  const { values, origins } = all;
  const { settingInForce } = await import('../../tui/settings.ts');
  const facts = names.map((name) => ({ name, ...settingInForce(all, name) }));
  if (io.json) {
    for (const fact of facts) io.out(JSON.stringify(fact));
    if (names.length > 1) io.out(JSON.stringify({ name: 'bindings', value: values.bindings, from: origins.bindings ?? 'default' }));
    return;
  }
  const bindings = Object.entries(values.bindings).map(([action, keys]) => [action, keys.join(' ') || 'no key', origins.bindings ?? 'default']);
  for (const line of tableLines(['SETTING', 'VALUE', 'FROM'], [...facts.map(({ name, value, from }) => [name, settingText(value), from]), ...bindings], io)) io.out(line);
}

/** What was done, and what goes before it all the same. */
function told(settings: Settings, io: Io, name: keyof Settings['terminal']['origins'], text: string): void {
  const origin = settings.terminal.origins[name];
  const stronger = origin !== undefined && /^--|^STEPSCOPE_/.test(origin) ? ` ${origin} goes before it.` : '';
  if (io.json) io.out(JSON.stringify({ changed: name, file: settings.terminal.file }));
  else io.err(`${text}.${stronger}`);
}
