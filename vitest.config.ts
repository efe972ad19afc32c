import { defineConfig } from 'vitest/config';
import { LongestFirst } from './src/tools/test-order.ts';

// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default defineConfig({
  test: {
    dir: 'src',
    // What the suite must get by with; on more cores it would only hide what takes long.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Files share a process, and what they import is loaded once. None may leave anything behind that another would notice.
    isolate: false,
    // No test waits for time to pass; a slow machine may take its own.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What passes only the second time is marked so in the output, and is to be looked into: timing, mostly.
    retry: 1,
    setupFiles: ['src/tools/test-patience.ts'],
    expect: { poll: { timeout: 20_000 } },
    globalSetup: ['src/tools/test-setup.ts'],
    // For who wants to know afterwards what failed, as JSON.
    reporters: ['default', './src/tools/not-run.ts', ...(process.env['STEPSCOPE_TEST_REPORT'] ? [['json', { outputFile: process.env['STEPSCOPE_TEST_REPORT'] }] as [string, object]] : [])],
  },
});
