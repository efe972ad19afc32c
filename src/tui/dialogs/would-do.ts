import { breakpointWords, checkBreakpoint } from '../../core/breakpoint-draft.ts';
import { plural, shortId } from '../../core/format.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { Effect } from '../effect.ts';
import type { State } from '../state.ts';
import type { Update } from '../update/result.ts';
import { definitionOf } from '../screens/frame.ts';
import { selectedStep } from '../model/steps.ts';
import { filterCount } from '../model/log.ts';
import { shownRuns } from '../model/runs.ts';
import { shownScreen } from '../screens/screen.ts';

/** What an update would do, in words that follow "Enter: "; undefined where nothing but what is shown changes. */
export function wouldDo(before: State, { state, effects }: Update): string | undefined {
  const done = effects.map((effect) => effectWords(state, effect)).filter((words) => words !== undefined);
  if (done.length > 0) return done.join(', and ');
  const overlay = state.overlays.at(-1);
  if (overlay !== undefined && state.overlays.length > before.overlays.length) return overlay.type === 'prompt' ? 'asks for more' : 'shows what it would do, and asks';
  const screen = shownScreen(state);
  if (screen !== undefined && screen !== shownScreen(before)) return `shows ${definitionOf(screen).title(state, screen)}`;
  if (state.open !== undefined && state.open.runId === before.open?.runId && state.open.selected !== before.open.selected) return `selects step ${selectedStep(state.open)?.display}`;
  if (state.open !== undefined && state.open.log.filterText !== before.open?.log.filterText) return `filters the log, ${filterCount(state.open)}`;
  return state.notice === undefined || state.notice === before.notice ? undefined : state.notice.text.replace(/\.$/, '');
}

/** Effects that a person is told of; the others belong to what they look at. */
function effectWords(state: State, effect: Effect): string | undefined {
  switch (effect.type) {
    case 'command': {
      const { step } = effect.payload as { readonly step?: string };
      return `sends ${effect.verb} to run ${shortId(effect.runId)}${step === undefined ? '' : ` for step ${step}`}`;
    }
    case 'start':
      return `starts a new run of ${effect.request.pipeline ?? 'the pipeline'}`;
    case 'find':
      return `opens run ${effect.reference}${effect.step === undefined ? '' : ` at step ${effect.step}`}`;
    case 'searchRuns':
      return `the list shows ${shownRuns(state).length} of the ${plural(state.lists.runs?.length ?? 0, 'run')} here, and looks for older ones`;
    case 'addBreakpoint':
      return `sets a breakpoint in ${effect.pipelineKey}: ${effect.kind}${effect.target === null ? '' : ` ${effect.target}`}`;
    case 'setBreakpoint':
      return `switches the breakpoint ${effect.enabled ? 'on' : 'off'}`;
    case 'removeBreakpoint':
      return 'removes the breakpoint';
    case 'export':
    case 'writeFile':
      return `writes ${effect.fileName} here`;
    case 'copy':
      return `copies the ${effect.what}`;
    case 'write': {
      if (effect.write.kind !== 'addBreakpoint') return 'writes it to the backend';
      const { pipelineKey, fields, doubts = [] } = effect.write;
      const steps = flattenSteps(state.lists.pipelines.find((one) => one.pipeline_key === pipelineKey)?.step_tree ?? []);
      return [`sets a breakpoint of ${pipelineKey}: ${breakpointWords(checkBreakpoint({ pipelineKey, ...fields }), steps)}`, ...doubts].join('; but ');
    }
    case 'startSession':
      return `begins a session on run ${shortId(effect.runId)}`;
    case 'joinSession':
      return `joins session ${effect.reference}`;
    case 'leaveSession':
      return effect.end ? 'ends the session for everybody' : 'leaves the session';
    case 'saveSettings':
      return `${effect.text.replace(/\.$/, '')}`;
    case 'readThemes':
      return `puts on the theme ${effect.choose}`;
    case 'exit':
      return 'leaves; runs go on';
    default:
      return undefined;
  }
}
