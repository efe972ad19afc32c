import { shortId } from '../../core/format.ts';
import { lineText } from '../output/line.ts';
import { focusedArea } from '../layout.ts';
import { contentOf, detailStep, loadedSnapshot } from '../model/detail.ts';
import { rowAt, shownCount } from '../model/log.ts';
import { valueInside } from '../model/log-tree.ts';
import { selectedStep, stepsOf } from '../model/steps.ts';
import type { OpenRun, State } from '../state.ts';
import { closeOverlay, only, told, withOverlay, type Action, type Update } from '../update/result.ts';

function copy(state: State, text: string | undefined, what: string): Update {
  const closed = closeOverlay(state);
  return text === undefined ? only(told(closed, `There is no ${what} here.`, 'warn')) : only(closed, { type: 'copy', text, what });
}

/** The row under the cursor of the detail pane. */
function row(state: State) {
  const run = state.open!;
  return contentOf(state, run, focusedArea(state, run).columns).rows[run.detail.cursor];
}

function selectedLine(state: State): string | undefined {
  const run = state.open!;
  if (run.pane === 'log') {
    const inside = valueInside(run);
    return inside ? `${inside.name}: ${JSON.stringify(inside.value)}` : rowAt(run, run.log.cursor)?.message;
  }
  if (run.pane === 'detail') {
    const found = row(state);
    return found && lineText(found.line).trim();
  }
  const step = selectedStep(run);
  return step && `${step.display} ${step.name} ${step.status}`;
}

function selectedJson(state: State): string | undefined {
  const run = state.open!;
  if (run.pane === 'log') return JSON.stringify(valueInside(run)?.value ?? rowAt(run, run.log.cursor), null, 2) as string | undefined;
  const json = run.pane === 'detail' ? row(state)?.json : undefined;
  if (json) return JSON.stringify(json.value, null, 2);
  const snapshot = loadedSnapshot(run, detailStep(run))?.snapshot;
  if (!snapshot) return undefined;
  const { tab } = run.detail;
  const value = tab === 'outputs' ? snapshot.outputs : tab === 'state' ? (snapshot.stateAfter ?? snapshot.stateBefore) : tab === 'diff' ? { before: snapshot.stateBefore, after: snapshot.stateAfter } : snapshot.inputs;
  return JSON.stringify(value, null, 2);
}

/** Log lines that one key writes: more of them would keep the terminal from its keys. */
const WRITTEN_LINES = 20_000;

/** The last lines that pass the filters, as text. */
function lastLines(run: OpenRun, most: number): readonly string[] {
  const lines: string[] = [];
  for (let place = Math.max(run.log.matchFirst, run.log.matchCount - most); place < run.log.matchCount; place += 1) {
    const one = rowAt(run, place)!;
    lines.push(`${one.timestamp} ${one.log_level.padEnd(8)} ${one.execution_context.padEnd(13)} ${one.step_key ?? '-'} ${one.message}${one.data === null ? '' : ` ${JSON.stringify(one.data)}`}`);
  }
  return lines;
}

export const copyActions = {
  'run.copy': (state) => only(withOverlay(state, { type: 'copy' })),
  'copy.line': (state) => copy(state, selectedLine(state), 'line'),
  'copy.json': (state) => copy(state, selectedJson(state), 'JSON'),
  'copy.path': (state) => copy(state, state.open!.pane === 'detail' ? row(state)?.path : state.open!.pane === 'log' && state.open!.log.inside !== undefined ? state.open!.log.inside : selectedStep(state.open!)?.key, 'path'),
  'copy.run': (state) => copy(state, state.open!.runId, 'run id'),
  'copy.command': (state) => copy(state, `stepscope show ${shortId(state.open!.runId)}`, 'command'),
  'run.write': (state) => {
    const run = state.open!;
    const id = shortId(run.runId);
    const display = selectedStep(run)?.display ?? '';
    switch (run.pane) {
      case 'log': {
        const lines = lastLines(run, WRITTEN_LINES);
        const all = shownCount(run.log);
        const what = lines.length < all ? `the last ${lines.length} of ${all} log lines (stepscope tail writes all)` : `${all} log lines`;
        return only(state, { type: 'writeFile', fileName: `stepscope-${id}.log`, text: `${lines.join('\n')}\n`, what });
      }
      case 'detail': {
        const json = run.detail.tab === 'inputs' || run.detail.tab === 'outputs' || run.detail.tab === 'state' || run.detail.tab === 'diff';
        const text = json ? selectedJsonWhole(state) : contentOf(state, run, 10_000).rows.map((one) => lineText(one.line)).join('\n');
        return only(state, { type: 'writeFile', fileName: `stepscope-${id}-${display}-${run.detail.tab}.${json ? 'json' : 'txt'}`, text: `${text ?? ''}\n`, what: `${run.detail.tab} of step ${display}` });
      }
      case 'steps': {
        const text = stepsOf(run.view).map((step) => `${step.display.padEnd(4)} ${step.status.padEnd(10)} ${String(step.row?.duration_ms ?? '').padStart(8)} ${step.name}`).join('\n');
        return only(state, { type: 'writeFile', fileName: `stepscope-${id}-steps.txt`, text: `${text}\n`, what: 'the steps' });
      }
    }
  },
} satisfies Record<string, Action>;

/** All of what the JSON view shows, whatever is under the cursor. */
function selectedJsonWhole(state: State): string | undefined {
  const run = state.open!;
  return selectedJson({ ...state, open: { ...run, pane: 'steps' } });
}
