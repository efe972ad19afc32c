import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { createMinuteCounter } from './overload.ts';

const print = console.error.bind(console);
const quiet = new AsyncLocalStorage<true>();

console.error = (...values: unknown[]): void => {
  if (quiet.getStore() !== true) print(...values);
};

/** Failures written in a minute. Whoever finds out how to cause one must not fill the disk with it. */
const maxPerMinute = 20;
const written = createMinuteCounter(maxPerMinute);
const told = createMinuteCounter(1);

/** Writes a failure that is ours, with its stack, to standard error: the log of whoever hosts the server. */
export function reportBug(what: string, error: unknown): void {
  if (written.allow('')) print(`stepscope: ${what}: ${printable(inspect(error))}`);
  else if (told.allow('')) print(`stepscope: more failures than ${maxPerMinute} in this minute; the others are not written`);
}

/** Writes what whoever hosts the server should know, though nothing is broken that does not mend itself. */
export function reportNotice(text: string): void {
  if (written.allow('')) print(`stepscope: ${printable(text)}`);
}

/** Text of a request can be part of a failure, and this is written to a terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u{fffd}');
}

/**
 * Runs somebody else's code that prints the mistakes of its callers, without what it prints. A malformed
 * request would otherwise write its own text, escape sequences included, on the terminal of whoever hosts us.
 */
export async function withoutPrinting<T>(work: () => Promise<T>): Promise<T> {
  return await quiet.run(true, work);
}
