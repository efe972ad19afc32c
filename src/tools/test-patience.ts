import { vi } from 'vitest';

/** What never comes is given up after this long, in milliseconds. What comes ends its wait at once. */
const PATIENCE_MS = 20_000;

/*
 * A wait with a short end says as much of the machine as of the program: `vi.waitFor` gives up after a second, for
 * which a busy machine may need ten.
 */
const { waitFor } = vi;
vi.waitFor = async (callback, options) => {
  const given = typeof options === 'number' ? { timeout: options } : options;
  return await waitFor(callback, { ...given, timeout: Math.max(PATIENCE_MS, given?.timeout ?? 0) });
};
