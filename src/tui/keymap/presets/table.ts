import { k9s } from './k9s.ts';
import { less } from './less.ts';
import { lnav } from './lnav.ts';
import type { Preset } from './preset.ts';

/** The keys of the table itself are those of vim. */
const vim: Preset = { about: 'hjkl, g G, / n N, Ctrl-d Ctrl-u; the default.', bindings: {} };

export const presets: Readonly<Record<string, Preset>> = { vim, less, lnav, k9s };
export const presetNames: readonly string[] = Object.keys(presets);
