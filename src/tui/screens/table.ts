import { breakpointsScreen, type BreakpointsState } from './breakpoints.ts';
import { compareScreen, type CompareState } from './compare.ts';
import { comparedStepScreen, type ComparedStepState } from './compared-step.ts';
import { familyScreen, type FamilyState } from './family.ts';
import { performanceScreen, type PerformanceState } from './performance.ts';
import { timelineScreen, type TimelineState } from './timeline.ts';
import { watchedScreen, type WatchedState } from './watched.ts';

/** What is on a screen, of whichever screen it is. */
export type ScreenState = BreakpointsState | CompareState | ComparedStepState | FamilyState | PerformanceState | TimelineState | WatchedState;

/** Every screen over the list of runs and a run. `ARCHITECTURE.md` says how one is added. */
export const screens = {
  breakpoints: breakpointsScreen,
  compare: compareScreen,
  comparedStep: comparedStepScreen,
  family: familyScreen,
  performance: performanceScreen,
  timeline: timelineScreen,
  watched: watchedScreen,
} as const;
