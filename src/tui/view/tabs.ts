import { keyOf } from '../keymap.ts';
import { houseViews, shownView } from '../model/house.ts';
import { lineWidth, span, type Line } from '../output/line.ts';
import type { State } from '../state.ts';

/** A view with its key, in a row that names all of them. */
export interface Tab {
  readonly key: string;
  readonly name: string;
  readonly short: string;
  readonly shown: boolean;
}

/** Names of views with their keys: whole, short, or the keys alone, as there is room. */
export function tabSpans(all: readonly Tab[], room: number): Line {
  const build = (nameOf: (tab: Tab) => string): Line =>
    all.flatMap((tab, index) => [
      ...(index === 0 ? [] : [span(' ')]),
      ...(tab.shown ? [span(`${tab.key} ${tab.name}`, 'selection')] : [span(tab.key, 'key'), span(nameOf(tab) === '' ? '' : ` ${nameOf(tab)}`, 'muted')]),
    ]);
  return [build((tab) => tab.name), build((tab) => tab.short)].find((line) => lineWidth(line) <= room) ?? build(() => '');
}

/** A title on a line; the pane that has the keyboard is marked in words of line and weight, not by colour alone. */
export function rule(state: State, columns: number, title: Line, focused: boolean, lead = true): Line {
  const { glyphs } = state;
  const start: Line = lead ? [span(focused ? `${glyphs.bar}${glyphs.bar} ` : `${glyphs.rule}${glyphs.rule} `, focused ? 'accent' : 'faint')] : [];
  const used = lineWidth(start) + lineWidth(title) + 1;
  return [...start, ...title, span(' '), span((focused ? glyphs.bar : glyphs.rule).repeat(Math.max(0, columns - used)), focused ? 'accent' : 'faint')];
}

/** The row that names the views of the house, and says which is shown. */
export function houseLine(state: State): Line {
  const shown = shownView(state);
  const all = houseViews.map(({ name, label, short }): Tab => ({ key: keyOf(state, `house.${name}`) ?? '', name: label, short, shown: name === shown }));
  return rule(state, state.size.columns, [span(' '), ...tabSpans(all, state.size.columns - 3)], true, false);
}
