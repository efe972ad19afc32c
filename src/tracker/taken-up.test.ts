import { expect, it } from 'vitest';
import { createRunRecorder } from './run-recorder.ts';
import type { Rows, RunLink } from './sink.ts';

const spec = { key: 'only', parentKey: null, display: '1', number: 1, name: 'Only', depth: 0, context: 'client', effect: 'none', canEdit: true, canRerun: true } as const;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

function openLink() {
  const rows: Rows[] = [];
  const link: RunLink = {
    sink: { write: (written) => void rows.push(written), flush: async () => undefined, close: async () => undefined },
    controls: { follow: async () => () => undefined, settle: async () => true, leave: async () => true, lease: async () => undefined },
  };
  return { rows, link };
}

it('the time before and after a hold changes hands, and between, all counts as held', async () => {
  const first = openLink();
  const before = createRunRecorder({ runId: 'r', link: first.link, mode: 'step' });
  void before.checkpoint(before.open(spec, {}));
  const held = first.rows.flatMap(({ steps }) => steps ?? []).at(-1)!;

  // It was held for a minute, 80 seconds after its begin, and has another 5 from an earlier hold.
  const { rows, link } = openLink();
  const recorder = createRunRecorder({
    runId: 'r', link, mode: 'step',
    takenUp: {
      startedAt: ago(80_000),
      hold: { reason: 'step', by: null, since: ago(60_000), leaseUntil: null, approval: null },
      open: [{ step: { ...held, held_ms: 5_000 }, snapshot: undefined }],
      pauseAt: [],
    },
  });
  const passed = recorder.checkpoint(recorder.open(spec, {}));
  recorder.steer('continue');
  await passed;
  const heldMs = rows.flatMap(({ steps }) => steps ?? []).at(-1)!.held_ms!;
  expect(heldMs).toBeGreaterThanOrEqual(65_000);
  expect(heldMs).toBeLessThan(75_000);
});
