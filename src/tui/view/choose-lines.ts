import { settingNamed } from '../../core/terminal-settings.ts';
import { choicesOf } from '../dialogs/setting-choices.ts';
import { presets } from '../keymap/presets/table.ts';
import { dialogRows, scrolled } from '../layout.ts';
import { fit, line, span, wrap, type Line } from '../output/line.ts';
import type { Choose } from '../overlay.ts';
import type { State } from '../state.ts';

const NAME_CELLS = 16;

/** The values of a setting; of themes, with a sample of everything that has a colour. */
export function chooseLines(state: State, { setting, cursor }: Choose): readonly Line[] {
  const { columns } = state.size;
  const about = wrap(settingNamed(setting).about, columns - 2).map((text) => line(` ${text}`, 'muted'));
  const sample = setting === 'theme' ? sampleLines(state) : [];
  const choices = choicesOf(state, setting);
  const height = Math.max(1, dialogRows(state) - about.length - 1 - (sample.length > 0 ? sample.length + 1 : 0));
  const top = scrolled(Math.max(0, cursor - height + 1), cursor, height, choices.length);
  const rows = choices.slice(top, top + height).map((choice, index): Line => {
    const here = top + index === cursor;
    const { text, isProblem } = aboutChoice(state, setting, choice);
    return [span(here ? ` ${state.glyphs.cursor} ` : '   ', 'accent'), span(fit(choice, NAME_CELLS), here ? 'selection' : 'text'), span(` ${text}`, isProblem ? 'error' : 'muted')];
  });
  return [...about, [], ...rows, ...(sample.length > 0 ? [[], ...sample] : [])];
}

function aboutChoice(state: State, setting: Choose['setting'], choice: string): { readonly text: string; readonly isProblem: boolean } {
  if (setting === 'preset') return { text: presets[choice]?.about ?? '', isProblem: false };
  const theme = setting === 'theme' ? state.settings.themes.find((one) => one.name === choice) : undefined;
  return { text: theme?.problem ?? `${theme?.theme?.about ?? ''}${theme?.file === undefined ? '' : ` ${theme.file}`}`, isProblem: theme?.problem !== undefined };
}

/** Everything that is told apart by a style, each by its name. */
function sampleLines(state: State): readonly Line[] {
  const { glyphs } = state;
  const of = (...tokens: readonly (keyof typeof glyphs.status & keyof typeof signs)[]): Line => tokens.flatMap((token) => [span(` ${glyphs.status[token]} ${token}`, token)]);
  const signs = { pending: 1, held: 1, running: 1, completed: 1, failed: 1, skipped: 1, reused: 1, cancelled: 1 } as const;
  return [
    [span(' Sample ', 'heading'), span(' key', 'key'), span(' muted', 'muted'), span(' accent', 'accent'), span(' '), span('selection', 'selection'), span(' '), span('match', 'match'), span(' '), span('TEST MODE', 'badgeTest'), span(' '), span('EDITED', 'badgeEdited')],
    of('pending', 'held', 'running', 'completed'),
    of('failed', 'skipped', 'reused', 'cancelled'),
    [span(' debug', 'debug'), span(' info', 'info'), span(' warn', 'warn'), span(' error', 'error'), span(' '), span('critical', 'critical'), span('  + added', 'added'), span(' - removed', 'removed'), span(' ~ changed', 'changed')],
    [span(' "width"', 'jsonKey'), span(': '), span('512', 'number'), span(', '), span('"prompt"', 'jsonKey'), span(': '), span('"a lighthouse"', 'string'), span('   await', 'keyword'), span(' upload', 'function'), span(' // why', 'comment')],
  ];
}
