import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../../core/format.ts';
import { limits } from '../../protocol/limits.ts';
import { makePrivateFolder } from '../../storage/private-folder.ts';
import type { Settings } from '../settings.ts';
import type { Check } from './check.ts';

/** What can be told without a backend. */
export function machineChecks(settings: Settings): readonly Check[] {
  const { dataDir } = settings;
  return [
    {
      name: 'node',
      look: async () => ({ result: 'ok', what: `${process.versions.node} on ${process.platform} ${process.arch}` }),
    },
    {
      name: 'data directory',
      look: async () => {
        makePrivateFolder(dataDir);
        const open = readdirSync(dataDir).filter((name) => name.endsWith('.json') && (statSync(join(dataDir, name)).mode & 0o077) !== 0);
        return open.length === 0
          ? { result: 'ok', what: `${dataDir} is ours alone` }
          : { result: 'problem', what: `others can read ${open.join(', ')} in ${dataDir}`, hint: `chmod 600 ${open.map((name) => join(dataDir, name)).join(' ')}` };
      },
    },
    {
      name: 'disk',
      look: async () => {
        const { bavail, bsize } = statfsSync(dataDir);
        const free = bavail * bsize;
        return free >= limits.minFreeBytes
          ? { result: 'ok', what: `${formatBytes(free)} free` }
          : { result: 'problem', what: `${formatBytes(free)} free: writes are refused`, hint: `Make room: at least ${formatBytes(limits.minFreeBytes)} must stay free.` };
      },
    },
  ];
}
