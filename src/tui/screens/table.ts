import { breakpointsScreen, type BreakpointsState } from './breakpoints.ts';
import { compareScreen, type CompareState } from './compare.ts';
import { comparedStepScreen, type ComparedStepState } from './compared-step.ts';
import { comparisonsScreen, type ComparisonsState } from './comparisons.ts';
import { familyScreen, type FamilyState } from './family.ts';
import { informationScreen, type InformationState } from './information.ts';
import { logsScreen, type LogsState } from './logs.ts';
import { marksScreen, type MarksState } from './marks.ts';
import { performanceScreen, type PerformanceState } from './performance.ts';
import { sessionsScreen, type SessionsState } from './sessions.ts';
import { pictureScreen, type PictureState } from './picture.ts';
import { timelineScreen, type TimelineState } from './timeline.ts';
import { settingsScreen, type SettingsState } from './settings.ts';
import { watchedScreen, type WatchedState } from './watched.ts';

/** What is on a screen, of whichever screen it is. */
export type ScreenState = BreakpointsState | CompareState | ComparedStepState | ComparisonsState | FamilyState | InformationState | LogsState | MarksState | PerformanceState | SettingsState | SessionsState | PictureState | TimelineState | WatchedState;

/** Every screen over the list of runs and a run. `ARCHITECTURE.md` says how one is added. */
export const screens = {
  breakpoints: breakpointsScreen,
  compare: compareScreen,
  comparedStep: comparedStepScreen,
  comparisons: comparisonsScreen,
  family: familyScreen,
  information: informationScreen,
  logs: logsScreen,
  marks: marksScreen,
  performance: performanceScreen,
  sessions: sessionsScreen,
  picture: pictureScreen,
  timeline: timelineScreen,
  settings: settingsScreen,
  watched: watchedScreen,
} as const;
