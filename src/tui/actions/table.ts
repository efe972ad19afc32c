import type { ActionName } from '../action-names.ts';
import type { Action } from '../update/result.ts';
import { appActions } from './app.ts';
import { controlActions } from './control.ts';
import { copyActions } from './copy.ts';
import { detailActions } from './detail.ts';
import { dialogActions } from './dialog.ts';
import { logActions } from './log.ts';
import { movementActions } from './movement.ts';
import { viewActions } from './views.ts';

/** What every action does, by name. The compiler sees that none is missing. */
export const actions: Readonly<Record<ActionName, Action>> = {
  ...appActions, ...movementActions, ...viewActions, ...controlActions, ...logActions, ...detailActions, ...dialogActions, ...copyActions,
};
