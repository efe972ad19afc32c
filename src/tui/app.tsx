import { useApp } from 'ink';
import { useEffect, useSyncExternalStore, type ReactElement } from 'react';
import type { Paint } from './output/paint.ts';
import type { State } from './state.ts';
import { PaintContext } from './view/paint-context.ts';
import { Screen } from './view/screen.tsx';

/** What is on the screen now, for React to read. */
export interface Frame {
  readonly state: State;
  readonly paint: Paint;
}

export interface FrameStore {
  readonly get: () => Frame;
  readonly subscribe: (listener: () => void) => () => void;
}

/** Hands the terminal to `work`, and paints anew afterwards. */
export type Suspend = (work: () => Promise<void>) => Promise<void>;

/** The root: draws the latest frame, and lends Ink's way of handing over the terminal to the loop. */
export function App({ frames, onReady }: { readonly frames: FrameStore; readonly onReady: (suspend: Suspend) => void }): ReactElement {
  const app = useApp();
  const frame = useSyncExternalStore(frames.subscribe, frames.get);
  useEffect(() => onReady((work) => app.suspendTerminal(work)), [onReady, app]);
  return (
    <PaintContext value={frame.paint}>
      <Screen state={frame.state} />
    </PaintContext>
  );
}
