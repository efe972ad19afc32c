import type { ActionName, OwnActionName } from '../action-names.ts';
import { houseActions, openingActions } from '../screens/house.ts';
import { screens } from '../screens/table.ts';
import type { Action } from '../update/result.ts';
import { appActions } from './app.ts';
import { compareActions } from './compare.ts';
import { controlActions } from './control.ts';
import { copyActions } from './copy.ts';
import { detailActions } from './detail.ts';
import { dialogActions } from './dialog.ts';
import { logActions } from './log.ts';
import { logMarkActions } from './log-marks.ts';
import { logTreeActions } from './log-tree.ts';
import { lookActions } from './look.ts';
import { movementActions } from './movement.ts';
import { playbackActions } from './playback.ts';
import { screenActions } from './screens.ts';
import { viewActions } from './views.ts';

/** What every action does, by name. The compiler sees that none is missing. */
export const actions: Readonly<Record<OwnActionName, Action>> = {
  ...appActions, ...movementActions, ...viewActions, ...controlActions, ...logActions, ...logMarkActions, ...logTreeActions, ...detailActions, ...dialogActions, ...copyActions, ...screenActions, ...playbackActions, ...compareActions, ...lookActions, ...houseActions,
};

/** What an action does, those that screens bring among them. */
export function actionNamed(name: ActionName): Action {
  if (Object.hasOwn(actions, name)) return actions[name as OwnActionName];
  if (Object.hasOwn(openingActions, name)) return openingActions[name]!;
  const screen = screens[name.slice(0, name.indexOf('.')) as keyof typeof screens];
  return screen.actions[name]!;
}
