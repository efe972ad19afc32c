import type { TerminalCheck } from './check.ts';

/** The checks of the terminal, by number. Each is loaded when it is its turn. */
export const checks: Readonly<Record<number, () => Promise<{ readonly check: TerminalCheck }>>> = {
  1: async () => await import('./01-bytes.ts'),
  2: async () => await import('./02-stall.ts'),
  3: async () => await import('./03-flicker.ts'),
  4: async () => await import('./04-reading.ts'),
  5: async () => await import('./05-keys.ts'),
  6: async () => await import('./06-manners.ts'),
  7: async () => await import('./07-scale.ts'),
  8: async () => await import('./08-loop.ts'),
  9: async () => await import('./09-text.ts'),
  10: async () => await import('./10-pipes.ts'),
};
