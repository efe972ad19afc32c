import { openPictures } from '../screens/picture.ts';
import { newTimelineScreen } from '../screens/timeline.ts';
import { withScreen } from '../screens/screen.ts';
import { only, type Action } from '../update/result.ts';

/** Where looking beats reading. */
export const lookActions = {
  'run.timeline': (state) => only(withScreen(state, newTimelineScreen(state.open))),
  'run.picture': (state) => openPictures(state),
} satisfies Record<string, Action>;
