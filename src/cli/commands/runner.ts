import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../../protocol/error.ts';
import { needBackend } from '../backend/find-backend.ts';
import { hostRunner } from '../backend/host-runner.ts';
import { onCall } from '../call.ts';
import { onInterrupt } from '../interrupt.ts';
import type { Settings } from '../settings.ts';
import { aborted } from './serve.ts';

export function addRunnerCommand(program: Command): void {
  const command = program
    .command('runner')
    .summary('Executes runs of pipelines of your own.')
    .description('Registers the pipelines in the files with a running backend and executes their runs until it is stopped.')
    .argument('<files...>', '.ts or .js files that define pipelines');
  onCall(command, async ({ rest, settings, io }) => {
    if (settings.readOnly) throw new UserError('usage', 'a runner writes what it runs, and the connection is read-only', { hint: 'Leave --read-only out.' });
    const { url, secretKey } = await whereTo(settings);
    const interrupt = onInterrupt();
    const files = rest.map((file) => resolve(file));
    const runner = hostRunner({ url, secretKey, files, bundled: false, onNotice: (text) => io.err(text) });
    try {
      const pipelines = await runner.ready;
      if (io.json) io.out(JSON.stringify({ url, pipelines }));
      else io.err(`Runs ${pipelines.join(', ')} for ${url}. Ctrl-C ends it.`);
      await aborted(interrupt.signal);
      process.exitCode = 0;
    } finally {
      await runner.close();
      interrupt.stop();
    }
  });
}

async function whereTo(settings: Settings): Promise<{ readonly url: string; readonly secretKey: string }> {
  if (settings.remote !== undefined) return { url: settings.remote.url, secretKey: settings.remote.key };
  return await needBackend(settings.dataDir, 'Start one with `stepscope serve`, or name one with --url and --key.');
}
