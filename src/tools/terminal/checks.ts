import type { TerminalCheck } from './check.ts';

/** The checks of the terminal, by number. Each is loaded when it is its turn. */
export const checks: Readonly<Record<number, () => Promise<{ readonly check: TerminalCheck }>>> = {
  1: async () => await import('./01-bytes.ts'),
  5: async () => await import('./05-keys.ts'),
  10: async () => await import('./10-pipes.ts'),
};
