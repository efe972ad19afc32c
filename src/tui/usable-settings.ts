import { UserError } from '../protocol/error.ts';
import { effectiveKeymap } from './keymap.ts';
import { sentence } from './model/sentence.ts';
import { loadTheme } from './output/themes.ts';
import { changeSettings, type Settings } from './settings.ts';

/** Settings that the terminal can begin with. */
export interface UsableSettings {
  readonly settings: Settings;
  /** What the config file names and cannot be, as sentences that say what holds instead. */
  readonly problem: string | undefined;
}

/**
 * A config file with something wrong in it must not lock anybody out: the default holds instead, and the file stays as it
 * is. What was said for this start alone is refused: throws `usage` with the theme file, or the entry, and what is wrong.
 */
export function usableSettings(settings: Settings, themesFolder: string | undefined): UsableSettings {
  const { values, origins, defaults } = settings;
  const theme = refusal(() => loadTheme(values.theme, themesFolder));
  if (theme && origins.theme !== CONFIG_FILE) throw theme;
  // Own keys stand in the config file alone; those that fit no preset are not the fault of the one that is named.
  const preset = refusal(() => effectiveKeymap({ preset: values.preset, bindings: {} }));
  if (preset && origins.preset !== CONFIG_FILE) throw preset;
  const kept = preset ? defaults.preset : values.preset;
  const bindings = refusal(() => effectiveKeymap({ preset: kept, bindings: values.bindings }));
  const problems = [
    theme && `${sentence(theme.message, theme.hint)} The theme is ${defaults.theme} until it is mended.`,
    preset && `${sentence(`config file, keys.preset: ${preset.message}`, preset.hint)} The keys are those of ${kept}.`,
    bindings && `${sentence(`config file, ${bindings.message}`, bindings.hint)} Your own keys are left out.`,
  ].filter((one) => one !== undefined);
  const change = { ...(theme && { theme: undefined }), ...(preset && { preset: undefined }), ...(bindings && { bindings: undefined }) };
  return { settings: changeSettings(settings, change, CONFIG_FILE), problem: problems.length === 0 ? undefined : problems.join(' ') };
}

/** What the command line calls the config file as the origin of a value. */
const CONFIG_FILE = 'config file';

function refusal(work: () => unknown): UserError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}
