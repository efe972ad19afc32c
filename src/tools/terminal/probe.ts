import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { Pulse } from './pulses.ts';

/*
 * Loaded into the program that is checked (`NODE_OPTIONS=--import …`): writes down how its event loop and its memory
 * do, to the file that `STEPSCOPE_PROBE` names. What holds the loop up shows in the first line after it.
 */

const BEAT_MS = 10;
const WRITE_MS = 100;

const file = process.env['STEPSCOPE_PROBE'];
if (isMainThread && file !== undefined) {
  let last = performance.now();
  let written = last;
  let longestMs = 0;
  setInterval(() => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last - BEAT_MS);
    last = now;
    if (now - written < WRITE_MS) return;
    const pulse: Pulse = { at: Date.now(), gapMs: longestMs, rssBytes: process.memoryUsage.rss() };
    appendFileSync(file, `${JSON.stringify(pulse)}\n`);
    written = now;
    longestMs = 0;
  }, BEAT_MS).unref();
}
