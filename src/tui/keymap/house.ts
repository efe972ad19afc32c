import type { Binding } from '../keymap.ts';
import { houseViews } from '../model/house.ts';

/** Keys of the views of the house: one for each, and the ways from one to the next. */
export const houseKeys: readonly Binding[] = [
  ...houseViews.map(({ name, key, label, help }): Binding => ({ action: `house.${name}`, keys: [key], place: 'house', label, help })),
  { action: 'house.next', keys: ['tab'], place: 'house', label: 'next view', help: 'The next view: runs, logs, comparisons and so on.', footer: 60 },
  { action: 'house.previous', keys: ['shift-tab'], place: 'house', label: 'previous view', help: 'The view before.' },
  { action: 'house.last', keys: ['-'], place: 'house', label: 'last view', help: 'The view that was shown before.' },
];
