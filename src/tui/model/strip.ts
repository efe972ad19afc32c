import { span, widthOf, type Line, type Span } from '../output/line.ts';
import type { OpenRun, State } from '../state.ts';
import { stepInFocus, stepsOf, stopsOf } from './steps.ts';

/** All steps in one to four rows: glyph and number each, sub-steps of the step in focus in between, the selected one and breakpoints marked. */
export function stepStrip(state: State, run: OpenRun, columns: number): readonly Line[] {
  const { glyphs } = state;
  const steps = stepsOf(run.view);
  const focus = stepInFocus(run.view)?.key.split('.')[0];
  const chosen = run.selected?.split('.')[0];
  const shown = steps.filter((step) => step.depth === 0 || step.key.split('.')[0] === focus || step.key.split('.')[0] === chosen);
  const stops = stopsOf(state, run);

  const rows: Span[][] = [[]];
  let used = 0;
  for (const step of shown) {
    const selected = step.key === run.selected;
    const stop = stops.get(step.key);
    const text = `${glyphs.status[step.status]}${step.display}`;
    const mark = stop === undefined ? '' : stop ? glyphs.breakpoint : glyphs.breakpointOff;
    const width = widthOf(text) + widthOf(mark) + 1;
    if (used + width > columns - 1 && used > 0) {
      rows.push([]);
      used = 0;
    }
    // The sign beside it shows the selection where nothing can be shown inverted.
    rows.at(-1)!.push(span(selected ? glyphs.cursor : ' ', 'accent'), span(text, step.status, { inverse: selected, bold: selected }), ...(mark === '' ? [] : [span(mark, 'failed')]));
    used += width;
  }
  return rows.length === 1 && rows[0]!.length === 0 ? [] : rows;
}
