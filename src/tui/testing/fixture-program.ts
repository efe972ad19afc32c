import { UserError } from '../../protocol/error.ts';
import type { Backend } from '../../client/backend.ts';
import { startTui } from '../start-tui.ts';

/*
 * A program around the terminal for tests in a real pseudo-terminal: its backend never answers, cannot be
 * reached, or breaks in the way the argument says. What it throws it reports as the command line does.
 */

const ways: Readonly<Record<string, () => Promise<Backend>>> = {
  waiting: () => new Promise(() => {}),
  unreachable: () => Promise.reject(new UserError('unavailable', 'nobody answers at http://127.0.0.1:9', { hint: 'Start one with `stepscope serve`.' })),
  'throws in an effect': () => Promise.reject(new TypeError('a bug in an effect')),
  'throws in a timer': async () => {
    setTimeout(() => {
      throw new TypeError('a bug in a timer');
    });
    return await new Promise(() => {});
  },
  'rejects unheard': async () => {
    void Promise.reject(new TypeError('a bug in a promise'));
    return await new Promise(() => {});
  },
  // A row that no schema would let through makes drawing the list throw.
  'throws in render': () =>
    Promise.resolve({
      url: '', identity: '', models: () => Promise.resolve([]), close: () => Promise.resolve(),
      followLists: (follower: { onRows: (rows: unknown) => void }) => (follower.onRows({ runs: [{ test_run_id: 'a', seq: 1 }] }), () => {}),
    } as unknown as Backend),
};

try {
  await startTui({ connect: ways[process.argv[2] ?? 'waiting']!, settings: { given: { values: { ascii: false }, origins: {}, file: '' }, themesFolder: '', save: () => {} } });
  console.log('left');
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  process.exitCode = 70;
}
process.exit();
