import { createContext, useContext } from 'react';
import type { Paint } from '../output/paint.ts';

/** How lines become strings: the theme in use. */
export const PaintContext = createContext<Paint>((of) => of.map((one) => one.text).join(''));

export function usePaint(): Paint {
  return useContext(PaintContext);
}
