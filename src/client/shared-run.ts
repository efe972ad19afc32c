import type { SharedRun } from '../core/share/page.ts';
import type { TraceReader } from './trace-file.ts';

/** A recording as what a shared page is made of. */
export async function sharedRun(reader: TraceReader): Promise<SharedRun> {
  const [steps, comments, bookmarks] = await Promise.all([reader.steps(), reader.comments(), reader.logBookmarks()]);
  return { run: reader.run, steps, comments, bookmarks, values: (step) => reader.snapshot(step.step_key, step.attempt), logs: () => reader.logs() };
}
