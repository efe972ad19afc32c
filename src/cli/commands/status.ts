import type { Command } from 'commander';
import type { StateFile } from '../../protocol/state-file.ts';
import { connectLocal, connectRemote } from '../backend/connect.ts';
import { needBackend } from '../backend/find-backend.ts';
import { onCall } from '../call.ts';
import { version } from '../version.ts';

export function addStatusCommand(program: Command): void {
  const command = program
    .command('status')
    .summary('Says which backend there is and what it does.')
    .description('Says which backend there is, how to reach it, and what it does. Exits 3 when there is none.')
    .option('--show-keys', 'with the keys of the local backend');
  onCall<{ showKeys?: boolean }>(command, async ({ flags, settings, io }) => {
    const state = settings.remote === undefined ? await needBackend(settings.dataDir, 'Start one with `stepscope` or `stepscope serve`.') : undefined;
    const backend = state === undefined ? await connectRemote(settings.remote!, settings) : await connectLocal(state, settings);
    try {
      const [runners, ...active] = await Promise.all([backend.runners(), ...(['running', 'paused', 'pending'] as const).map((status) => backend.runs({ status }))]);
      const facts = {
        url: backend.url,
        identity: backend.identity,
        ...(settings.readOnly ? { readOnly: true } : {}),
        ...(state === undefined ? { mode: 'remote', ...(settings.remote!.profile === undefined ? {} : { profile: settings.remote!.profile }) } : localFacts(state, settings.dataDir, flags.showKeys ?? false)),
        stepscope: version,
        runners: runners.map((runner) => ({ name: runner.name, pid: runner.pid, pipelines: runner.pipelines })),
        runs: active.flat().map((run) => ({ id: run.test_run_id, status: run.status })),
      };
      if (io.json) io.out(JSON.stringify(facts));
      else for (const [name, value] of Object.entries(facts)) io.out(`${io.paint('muted', name.padEnd(14))} ${describe(value)}`);
    } finally {
      await backend.close();
    }
  });
}

function localFacts(state: StateFile, dataDir: string, showKeys: boolean): object {
  const { mode, engine, pid, startedAt, schemaVersion, publishableKey, secretKey } = state;
  return { mode, engine, pid, startedAt, schemaVersion, dataDir, ...(showKeys ? { publishableKey, secretKey } : {}) };
}

function describe(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  if (value.length === 0) return 'none';
  return value.map((one: object) => Object.values(one).flat().join(' ')).join(', ');
}
