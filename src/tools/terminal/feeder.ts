import { appendFileSync } from 'node:fs';
import { ExecutionTracker } from '../../tracker/execution-tracker.ts';
import type { FeedOrder, FeedReport } from './feed.ts';

/*
 * A program that traces itself and logs as fast as it is told to; started by `feed.ts`. Every line goes to the
 * backend of `STEPSCOPE_DATA_DIR` by way of the tracker, and to the file it is given, for programs that read files.
 */

const [file = ''] = process.argv.slice(2);
const TICK_MS = 20;
const levels = ['info', 'info', 'debug', 'info', 'info', 'info', 'warn', 'info', 'info', 'info', 'info', 'debug', 'info', 'error'] as const;
const subjects = ['frame', 'tile', 'shard', 'latent', 'request to the provider', 'webhook'] as const;
const outcomes = [
  'stored',
  'taken from the cache',
  'sent again after 503',
  'queued behind 14 others of the same tenant',
  'decoded, 1024×1024, colour profile sRGB',
] as const;

let rate = 0;
let written = 0;
let since = { ms: performance.now(), written };
let nextShard: (() => void) | undefined;
let hasEnded = false;

const tracker = new ExecutionTracker('checked-1', 'Checked model', 'none', 'prompt_to_image', null, { pipeline: 'checked' });
const tell = (): void => void process.send?.({ runId: tracker.testRunId, written } satisfies FeedReport);

process.on('message', (order: FeedOrder) => {
  if (order.write !== undefined) for (let left = order.write; left > 0; left -= 1) writeLine();
  if (order.rate !== undefined) {
    rate = order.rate;
    since = { ms: performance.now(), written };
  }
  hasEnded ||= order.end === true;
  if (order.nextShard === true || hasEnded) nextShard?.();
  tell();
});

await tracker.step('Load model', { inputs: { model: 'checked-1' } }, () => ({ isReady: true }));
await tracker.step('Validate', { inputs: { prompt: 'a lighthouse' } }, () => ({ isValid: true }));
await tracker.step('Generate', { inputs: { prompt: 'a lighthouse' } }, async () => {
  const ticking = setInterval(writeDue, TICK_MS);
  for (let shard = 1; !hasEnded; shard += 1) {
    await tracker.step(`Shard ${shard}`, { inputs: { shard } }, async () => {
      tell();
      await new Promise<void>((resolve) => {
        nextShard = resolve;
      });
    });
  }
  clearInterval(ticking);
  return { written };
});
await tracker.complete();
tell();
process.disconnect();

function writeDue(): void {
  const due = Math.floor(((performance.now() - since.ms) / 1_000) * rate) - (written - since.written);
  if (due <= 0) return;
  for (let left = due; left > 0; left -= 1) writeLine();
  tell();
}

function writeLine(): void {
  written += 1;
  const logLevel = levels[written % levels.length]!;
  const message = `#${written} ${subjects[written % subjects.length]} ${(written * 7919) % 10_007} ${outcomes[written % outcomes.length]} in ${((written * 31) % 977) / 10} ms`;
  tracker.log({
    message,
    logLevel,
    ...(written % 9 === 0 ? { data: { attempt: written % 4, queue: written % 17, host: 'worker-3' } } : {}),
  });
  appendFileSync(file, `${new Date().toISOString()} ${logLevel.toUpperCase()} ${message}\n`);
}
