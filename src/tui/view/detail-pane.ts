import type { Area } from '../layout.ts';
import { scrolled } from '../layout.ts';
import { contentOf, detailStep } from '../model/detail.ts';
import { span, type Line, type Span } from '../output/line.ts';
import type { DetailTab, OpenRun, State } from '../state.ts';
import { searched } from './searched.ts';

export const tabs: readonly { readonly tab: DetailTab; readonly key: string; readonly short: string }[] = [
  { tab: 'inputs', key: '3', short: 'in' }, { tab: 'outputs', key: '4', short: 'out' }, { tab: 'diff', key: '5', short: 'diff' }, { tab: 'state', key: '6', short: 'state' },
  { tab: 'source', key: '7', short: 'src' }, { tab: 'timing', key: '8', short: 'time' }, { tab: 'error', key: '9', short: 'err' },
];

/** Rows of the detail pane that fit, with the cursor on one of them. */
export function detailPane(state: State, run: OpenRun, area: Area): readonly Line[] {
  const { rows } = contentOf(state, run, area.columns - 1);
  const { detail } = run;
  const cursor = Math.min(detail.cursor, Math.max(0, rows.length - 1));
  const top = scrolled(detail.top, cursor, area.rows, rows.length);
  const focused = run.pane === 'detail';
  return rows.slice(top, top + area.rows).map((row, index): Line => {
    // Plain text is scrolled; only what can be acted on by row has a cursor.
    const here = focused && top + index === cursor && rows.length > 1 && detail.tab !== 'timing' && detail.tab !== 'error';
    return [span(here ? state.glyphs.cursor : ' ', 'accent'), ...searched(row.line, detail.search, here)];
  });
}

/** Which step this is about, and what is worth knowing of the tab. */
export function detailTitle(state: State, run: OpenRun, columns: number): Line {
  const step = detailStep(run);
  const { rows, summary } = contentOf(state, run, columns - 1);
  const place: Span[] = run.pane === 'detail' && rows.length > 1 ? [span(`  ${Math.min(run.detail.cursor + 1, rows.length)}/${rows.length}`, 'muted')] : [];
  return [
    ...(step ? [span(`${state.glyphs.status[step.status]} ${step.display} ${step.name}`, 'heading')] : []),
    ...(summary === '' ? [] : [span(`  ${summary}`, /DRAFT|EDITED/.test(summary) ? 'badgeEdited' : 'muted')]),
    ...place,
  ];
}
