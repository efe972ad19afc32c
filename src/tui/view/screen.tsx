import { Box } from 'ink';
import type { ReactElement } from 'react';
import { isTiny, layoutOf, smallest, type Area } from '../layout.ts';
import { houseRows } from '../model/house.ts';
import { stepStrip } from '../model/strip.ts';
import { line, lineWidth, span, widthOf, wrap, type Line } from '../output/line.ts';
import { shownScreen } from '../screens/screen.ts';
import type { OpenRun, Pane, Size, State } from '../state.ts';
import { detailPane, detailTitle, tabs } from './detail-pane.ts';
import { dialogView, promptLines } from './dialogs.ts';
import { footerLines } from './footer.ts';
import { headerLine, situationLine } from './header.ts';
import { homeLines } from './home.ts';
import { logPane } from './log-pane.ts';
import { logTitle, NARROW } from './log-title.ts';
import { Rows } from './rows.tsx';
import { screenHeader, screenLines } from './screen-lines.ts';
import { stepsPane } from './steps-pane.ts';
import { houseLine, rule, tabSpans, type Tab } from './tabs.ts';
import { waitingLines } from './waiting.ts';

/** The whole screen: exactly as many rows and cells as the terminal has. */
export function Screen({ state: known }: { readonly state: State }): ReactElement {
  // Whatever counts time counts to the moment that is shown.
  const at = known.open?.playback?.at;
  const state = at === undefined ? known : { ...known, now: at };
  const { columns, rows } = state.size;
  if (isTiny(state.size)) {
    return <Rows lines={tooSmall(state.size)} width={columns} height={rows} />;
  }
  const overlay = state.overlays.at(-1);
  const bottom: readonly Line[] = overlay?.type === 'prompt' ? promptLines(state, overlay) : footerLines(state);
  const height = rows - 1 - bottom.length;
  const shown = state.session.phase === 'ready' ? shownScreen(state) : undefined;
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      <Rows lines={[shown ? screenHeader(state, shown) : headerLine(state)]} width={columns} height={1} />
      <Box height={height} flexShrink={0} overflow="hidden">
        <Body state={state} height={height} />
      </Box>
      <Rows lines={bottom} width={columns} height={bottom.length} />
    </Box>
  );
}

/** The size there is and the size there must be, in one line where it fits. */
function tooSmall({ columns, rows }: Size): readonly Line[] {
  const short = `${columns}×${rows}, needs ${smallest.columns}×${smallest.rows}`;
  const text = [`stepscope: the terminal is too small: ${short}`, `too small: ${short}`, short].find((one) => widthOf(one) <= columns);
  return wrap(text ?? short, columns).map((one) => line(one));
}

function Body({ state, height }: { readonly state: State; readonly height: number }): ReactElement {
  const { columns } = state.size;
  const dialog = dialogView(state);
  if (dialog) return <Rows lines={[rule(state, columns, [span(dialog.title, 'heading')], true), ...dialog.lines]} width={columns} height={height} />;
  if (state.session.phase !== 'ready') return <Rows lines={waitingLines(state)} width={columns} height={height} />;
  const shown = shownScreen(state);
  const views = houseRows(state) === 1 ? [houseLine(state)] : [];
  if (shown) return <Rows lines={[...views, ...screenLines(state, shown)]} width={columns} height={height} />;
  if (!state.open) return <Rows lines={[...views, ...homeLines(state)]} width={columns} height={height} />;
  return <RunBody state={state} run={state.open} height={height} />;
}

function RunBody({ state, run, height }: { readonly state: State; readonly run: OpenRun; readonly height: number }): ReactElement {
  const { columns } = state.size;
  const layout = layoutOf(state, run);
  const situation = situationLine(state, run);
  if (layout.kind !== 'split') {
    const area = layout.areas[run.pane]!;
    const lines = [...stepStrip(state, run, columns).slice(0, layout.stripRows), situation, tabLine(state, run), ...paneLines(state, run, run.pane, area)];
    return <Rows lines={lines} width={columns} height={height} />;
  }

  const { steps, detail, log } = layout.areas as Record<Pane, Area>;
  const upper = steps.rows + 1;
  const divider: Line[] = Array.from({ length: upper }, () => [span(state.glyphs.divider, 'faint')]);
  return (
    <Box flexDirection="column">
      <Rows lines={[situation]} width={columns} height={1} />
      <Box flexDirection="row">
        <Rows lines={[paneTitle(state, run, 'steps', steps.columns), ...paneLines(state, run, 'steps', steps)]} width={steps.columns} height={upper} />
        <Rows lines={divider} width={2} height={upper} />
        <Rows lines={[paneTitle(state, run, 'detail', detail.columns), ...paneLines(state, run, 'detail', detail)]} width={detail.columns} height={upper} />
      </Box>
      <Rows lines={[paneTitle(state, run, 'log', columns), ...paneLines(state, run, 'log', log)]} width={columns} height={log.rows + 1} />
    </Box>
  );
}

function paneLines(state: State, run: OpenRun, pane: Pane, area: Area): readonly Line[] {
  switch (pane) {
    case 'steps':
      return stepsPane(state, run, area);
    case 'detail':
      return detailPane(state, run, area);
    case 'log':
      return logPane(state, run, area);
  }
}

/** On a narrow screen one row names all views and says which is shown; what the view has to say follows, and shortens the names. */
function tabLine(state: State, run: OpenRun): Line {
  const { columns } = state.size;
  const all: readonly Tab[] = [
    { key: '1', name: 'steps', short: 'steps', shown: run.pane === 'steps' },
    { key: '2', name: 'log', short: 'log', shown: run.pane === 'log' },
    ...tabs.map(({ tab, key, short }) => ({ key, short, name: tab, shown: run.pane === 'detail' && run.detail.tab === tab })),
  ];
  const keysAlone = lineWidth(tabSpans(all, 0));
  const ofLog = (): readonly Line[] => [logTitle(state, run), logTitle(state, run, { brief: true }), ...(columns < NARROW ? [] : [logTitle(state, run, { room: columns - keysAlone - 5 })])];
  const infos = run.pane === 'log' ? ofLog() : run.pane === 'detail' ? [detailTitle(state, run, columns)] : [[]];
  // Names of views are worth more than the word "lines".
  const roomBeside = (info: Line) => columns - lineWidth(info) - 5;
  const info = infos.find((one) => lineWidth(tabSpans(all, roomBeside(one))) > keysAlone) ?? infos.at(-1)!;
  return rule(state, columns, [span(' '), ...tabSpans(all, roomBeside(info)), ...(info.length > 0 ? [span('  '), ...info] : [])], true, false);
}

function paneTitle(state: State, run: OpenRun, pane: Pane, columns: number): Line {
  const focused = run.pane === pane;
  if (pane === 'steps') return rule(state, columns, [span('1', 'key'), span(' steps')], focused);
  if (pane === 'log') return rule(state, columns, [span('2', 'key'), span(' log  '), ...logTitle(state, run, { room: columns - 12 })], focused);
  const title = detailTitle(state, run, columns);
  const names = tabSpans(tabs.map(({ tab, key, short }) => ({ key, short, name: tab, shown: tab === run.detail.tab })), columns - lineWidth(title) - 7);
  return rule(state, columns, [...names, span('  '), ...title], focused);
}
