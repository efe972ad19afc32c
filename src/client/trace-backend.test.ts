import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyChanges, emptyView, flattenViews, withLines, type RunView } from '../core/run-view.ts';
import { traceBackend } from './trace-backend.ts';
import { openTraceFile } from './trace-file.ts';
import { streamRecording } from './trace/stream-recording.ts';
import { sampleRun, traceOf } from './trace/testing.ts';

const home = mkdtempSync(join(tmpdir(), 'stepscope-recording-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function opened() {
  const path = join(home, 'sample.trace');
  writeFileSync(path, await traceOf(sampleRun()));
  return traceBackend(await openTraceFile(path), 'sample.trace');
}

describe('a recording as a backend', () => {
  it('is followed like a run, all of it in order and then live', async () => {
    const backend = await opened();
    const { promise, resolve } = Promise.withResolvers<RunView>();
    let view = emptyView();
    const run = await backend.run('last');
    const stop = backend.followRun(run.test_run_id, {
      onChanges: (changes) => (view = applyChanges(view, changes)),
      onLink: (link) => link.state === 'live' && resolve(view),
    });
    const whole = await promise;
    stop();
    expect(whole.run?.status).toBe('failed');
    expect(flattenViews(whole.steps).map(({ row }) => row.display)).toEqual(['1', '2', '3']);
    expect(whole.logCount).toBe(await backend.logs(run.test_run_id).then((logs) => logs.length));
    await backend.close();
  });

  it('gives the lines of one that is still read as a store, and not as changes', async () => {
    const path = join(home, 'streamed.trace');
    writeFileSync(path, await traceOf(sampleRun()));
    const stream = (await streamRecording(path, '2026-11-21T10:00:00.000Z'))!;
    const backend = traceBackend(stream.reader, 'streamed.trace', stream);
    const { promise, resolve } = Promise.withResolvers<RunView>();
    let view = emptyView();
    const stop = backend.followRun(stream.reader.run.test_run_id, {
      onChanges: (changes) => {
        expect(changes.filter(({ table }) => table === 'test_execution_logs')).toEqual([]);
        view = applyChanges(view, changes);
      },
      onLines: (lines, reading) => {
        view = withLines(view, lines);
        if (reading.isWhole) resolve(view);
      },
    });
    const whole = await promise;
    stop();
    expect([whole.run?.status, flattenViews(whole.steps).length, whole.logCount, whole.logs.at(2).message, whole.commands.length]).toEqual(['failed', 3, 3, 'bucket is full', 1]);
    await backend.close();
  });

  it('has the states of the steps', async () => {
    const backend = await opened();
    const run = await backend.run('last');
    const [, second] = await backend.steps(run.test_run_id);
    expect(await backend.snapshot(run.test_run_id, second!.step_key, 1)).toMatchObject({ stateAfter: { prompt: 'a red lighthouse', image: { pixels: expect.stringContaining('xxx') } } });
    expect(await backend.snapshot('another run', second!.step_key)).toBeUndefined();
    await backend.close();
  });

  it('refuses everything that would change it, in words', async () => {
    const backend = await opened();
    const run = await backend.run('last');
    await expect(backend.command(run.test_run_id, 'pause')).rejects.toMatchObject({ code: 'forbidden', message: 'sample.trace is a recording, and stays as it is' });
    await expect(backend.annotate(run.test_run_id, { bookmarked: true })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(backend.run('nowhere')).rejects.toMatchObject({ code: 'not-found' });
    await backend.close();
  });
});
