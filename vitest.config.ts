import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: 'src',
    // What the suite must get by with; on more cores it would only hide what takes long.
    maxWorkers: 2,
    globalSetup: ['src/tools/test-setup.ts'],
    reporters: ['default', './src/tools/not-run.ts'],
  },
});
