import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { formatBytes } from '../../core/format.ts';
import { limits } from '../../protocol/limits.ts';
import { makePrivateFolder } from '../../storage/private-folder.ts';
import { speaksUnicode } from '../../tui/output/glyphs.ts';
import { answerTimeoutMs, findBackend, isAlive, readStateFile } from '../backend/find-backend.ts';
import { readPrivateFile } from '../backend/private-file.ts';
import type { Settings } from '../settings.ts';
import type { Check, Found } from './check.ts';

/** What the terminal draws in without leaving things out. */
const roomyTerminal = { columns: 80, rows: 24 } as const;

/** What can be told without a backend. */
export function machineChecks(settings: Settings): readonly Check[] {
  const { dataDir } = settings;
  return [
    { name: 'node', look: async () => ({ result: 'ok', what: `${process.versions.node} on ${process.platform} ${process.arch}` }) },
    { name: 'terminal', look: async () => lookAtTerminal(process.env) },
    {
      name: 'data directory',
      look: async () => {
        makePrivateFolder(dataDir);
        const open = readdirSync(dataDir).filter((name) => name.endsWith('.json') && (statSync(join(dataDir, name)).mode & 0o077) !== 0);
        if (open.length === 0) return { result: 'ok', what: `${dataDir} is ours alone` };
        return {
          result: 'problem',
          what: `others can read ${open.join(', ')} in ${dataDir}`,
          command: `chmod -R go= ${dataDir}`,
        };
      },
    },
    {
      name: 'disk',
      look: async () => {
        const { bavail, bsize } = statfsSync(dataDir);
        const free = bavail * bsize;
        if (free >= limits.minFreeBytes) return { result: 'ok', what: `${formatBytes(free)} free` };
        return {
          result: 'problem',
          what: `${formatBytes(free)} free, and below ${formatBytes(limits.minFreeBytes)} writes are refused`,
          hint: 'Make room. This shows what is large:',
          command: `du -xh ${dataDir} | sort -h | tail`,
        };
      },
    },
    { name: 'holder', look: async () => await lookAtHolder(dataDir) },
    { name: 'port', look: async () => await lookAtPort(settings) },
  ];
}

function lookAtTerminal(env: NodeJS.ProcessEnv): Found {
  const { columns, rows, isTTY } = process.stdout;
  if (!isTTY) return { result: 'ok', what: 'none: output goes elsewhere' };
  const facts = [
    `TERM ${env['TERM'] ?? 'not set'}`,
    `${columns}x${rows}`,
    `${2 ** process.stdout.getColorDepth()} colours`,
    speaksUnicode(env) ? 'Unicode' : 'ASCII',
    ...(env['TMUX'] ? ['in tmux'] : []),
  ].join(', ');
  if (env['TERM'] === undefined || env['TERM'] === 'dumb')
    return { result: 'warning', what: `${facts}: no full screen`, command: 'export TERM=xterm-256color' };
  if (columns < roomyTerminal.columns || rows < roomyTerminal.rows)
    return { result: 'warning', what: `${facts}: small; ${roomyTerminal.columns}x${roomyTerminal.rows} shows everything` };
  if (!speaksUnicode(env)) return { result: 'ok', what: `${facts}; for Unicode \`export LANG=C.UTF-8\`` };
  return { result: 'ok', what: facts };
}

/** Who has the data directory open: a backend that answers, nobody, one that starts, or something that hangs. */
async function lookAtHolder(dataDir: string): Promise<Found> {
  const state = await findBackend(dataDir);
  if (state !== undefined) return { result: 'ok', what: `process ${state.pid} serves it at ${state.url}` };
  const isHeldBy = (pid: number | undefined): pid is number => pid !== undefined && pid !== process.pid && isAlive(pid);
  // A backend writes its address down when it listens: one that has done so and is silent hangs.
  const silent = readStateFile(dataDir)?.pid;
  if (isHeldBy(silent)) {
    const hint = 'It may have much to do: look again. If it stays silent, end it:';
    return { result: 'problem', what: `process ${silent} holds it, and does not answer within ${answerTimeoutMs / 1_000} s`, hint, command: `kill ${silent}` };
  }
  const starting = lockHolder(dataDir);
  if (isHeldBy(starting)) return { result: 'warning', what: `process ${starting} has it open, and does not listen yet` };
  return { result: 'ok', what: 'nobody has it open' };
}

function lockHolder(dataDir: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(dataDir, 'database.pid'), 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the port that the next backend wants is free, or its own. */
async function lookAtPort({ dataDir, port: wanted, remote }: Settings): Promise<Found> {
  if (remote !== undefined) return { result: 'ok', what: 'none needed: the backend is elsewhere' };
  const port = wanted ?? readPrivateFile(join(dataDir, 'last-port.json'), z.int());
  const running = await findBackend(dataDir);
  if (port === undefined || port === 0 || running?.url.endsWith(`:${port}`) === true)
    return { result: 'ok', what: running === undefined ? 'any' : running.url };
  if (await isFree(port)) return { result: 'ok', what: `${port} is free` };
  const state = readStateFile(dataDir);
  if (state !== undefined && isAlive(state.pid) && state.url.endsWith(`:${port}`))
    return { result: 'warning', what: `${port} is held by process ${state.pid}, the backend above that does not answer` };
  const command = `ss -ltnp 'sport = :${port}'`;
  if (wanted === undefined)
    return {
      result: 'warning',
      what: `${port}, where it was last, belongs to another program; the next backend takes another one`,
      command,
    };
  return {
    result: 'problem',
    what: `${port} belongs to another program, and a backend cannot start there`,
    hint: 'Set STEPSCOPE_PORT to another one. This shows who has it:',
    command,
  };
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
