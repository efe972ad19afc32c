import type { Command } from 'commander';
import { createKeys } from '../../server/keys.ts';
import { keysOf } from '../backend/keys.ts';
import { writeKeysFile } from '../backend/keys-file.ts';
import { onCall } from '../call.ts';

export function addKeysCommand(program: Command): void {
  const command = program
    .command('keys')
    .summary('Makes a file with the keys of a backend.')
    .description('Makes a file with keys for `serve --keys @FILE`, readable by its owner only. Servers on one database share it.')
    .argument('<file>', 'where to write them; must not exist')
    .option('--current', 'the keys of the backend in the data directory instead of new ones');
  onCall<{ current?: boolean }>(
    command,
    async ({ args, flags, settings, io }) => {
      const keys = flags.current === true ? keysOf(settings.dataDir) : createKeys();
      const file = writeKeysFile(args[0]!, keys);
      if (io.json) io.out(JSON.stringify({ file, publishableKey: keys.publishableKey }));
      else io.err(`Wrote ${file}. Serve with them: \`stepscope serve --keys @${args[0]}\``);
    },
    { withoutBackend: true },
  );
}
