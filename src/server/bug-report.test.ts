import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('failures of ours cannot fill the log, nor steer the terminal it is written to', () => {
  const program = `
    const { reportBug } = await import(${JSON.stringify(new URL('./bug-report.ts', import.meta.url).href)});
    for (let i = 0; i < 500; i++) reportBug('a request failed', new Error('\\u001b[2J\\u009b31m wrong'));
  `;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const lines = stderr.split('\n');
  // Two windows when a minute ends meanwhile.
  expect([20, 40]).toContain(lines.filter((line) => line.startsWith('stepscope: a request failed: Error: \u{fffd}[2J\u{fffd}31m wrong')).length);
  expect([1, 2]).toContain(lines.filter((line) => line.includes('more failures')).length);
  expect(stderr).toContain('at file://');
});
