import type { Picture } from '../output/picture.ts';
import type { State } from '../state.ts';

/** The pictures that stand on the screen now. */
export function picturesOf(_state: State): readonly Picture[] {
  return [];
}
