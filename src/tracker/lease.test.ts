import { expect, it } from 'vitest';
import type { ControlFeed } from '../client/holder.ts';
import type { OnLeaseEnd } from '../protocol/vocabulary.ts';
import { RunCancelled } from './gate-keeper.ts';
import { createRunRecorder } from './run-recorder.ts';
import type { Rows, RunLink } from './sink.ts';

/** A run held before its only step, kept by nobody, whose lease ends at once. */
function held(onLeaseEnd: OnLeaseEnd) {
  const rows: Rows[] = [];
  const link: RunLink = {
    sink: { write: (written) => void rows.push(written), flush: async () => undefined, close: async () => undefined },
    controls: { follow: async () => () => undefined, settle: async () => true, leave: async () => true, lease: async () => undefined },
  };
  const recorder = createRunRecorder({ runId: 'r', link, mode: 'step', onLeaseEnd, leaseMs: 5 });
  const step = recorder.open({ key: 'only', parentKey: null, display: '1', number: 1, name: 'Only', depth: 0, context: 'client', effect: 'none', canEdit: true, canRerun: true }, {});
  return { recorder, rows, passed: recorder.checkpoint(step) };
}

it('a lease that ends lets the run go on, and hold no more, where it says continue', async () => {
  const { passed, rows } = held('continue');
  await passed;
  expect(rows.findLast(({ run }) => run?.mode !== undefined)?.run?.mode).toBe('auto');
});

it('a lease that ends cancels the run where it says cancel', async () => {
  const { passed, recorder } = held('cancel');
  await expect(passed).rejects.toThrow(new RunCancelled('its lease'));
  expect(recorder.signal.aborted).toBe(true);
});

it('a lease that ends changes nothing where it says hold', async () => {
  const { passed, recorder } = held('hold');
  // The same clock, later: a lease that did something would have done it before this timer.
  const later = new Promise((resolve) => setTimeout(resolve, 20, 'still held'));
  expect(await Promise.race([passed, later])).toBe('still held');
  recorder.steer('continue');
  await passed;
});

it('says by name who held the pause, and how long, when a terminal is not heard of any more', async () => {
  const rows: Rows[] = [];
  let feed: ControlFeed | undefined;
  const link: RunLink = {
    sink: { write: (written) => void rows.push(written), flush: async () => undefined, close: async () => undefined },
    controls: { follow: async (wanted) => ((feed = wanted), () => undefined), settle: async () => true, leave: async () => true, lease: async () => undefined },
  };
  const recorder = createRunRecorder({ runId: 'r', link, mode: 'step' });
  await recorder.listen();
  void recorder.checkpoint(recorder.open({ key: 'only', parentKey: null, display: '1', number: 1, name: 'Only', depth: 0, context: 'client', effect: 'none', canEdit: true, canRerun: true }, {}));
  feed!.onLease!({
    state: 'ended', act: 'hold', test_run_id: 'r', owner: 'eve', owner_name: 'eve@example.org', terminal: 'a',
    taken_at: new Date(Date.now() - 125_000).toISOString(), expires_at: new Date().toISOString(),
  });
  const [line] = rows.flatMap(({ logs }) => logs ?? []);
  expect(line).toMatchObject({ log_level: 'warn', message: 'The terminal of eve@example.org, who had held the run for 2 min, was not heard of any more: it stays held' });
});
