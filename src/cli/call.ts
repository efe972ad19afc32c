import type { Command } from 'commander';
import { processIo } from './io.ts';
import type { Io } from './io.ts';
import { commandLine, hintedFor } from './same-backend.ts';
import { readSettings } from './settings.ts';
import type { GlobalFlags, Settings } from './settings.ts';

/** One call of a command: what a person typed, read. */
export interface Call<Flags> {
  readonly args: readonly (string | undefined)[];
  /** Arguments of a command that takes any number of them, as `FILE...`. */
  readonly rest: readonly string[];
  readonly flags: Flags & GlobalFlags;
  readonly settings: Settings;
  readonly io: Io;
}

/** Makes `act` what a command does. One `withoutBackend` is not refused for a wrong name of one, and one that `mendsConfig` is told of what is wrong in the config file and runs all the same. */
export function onCall<Flags = object>(command: Command, act: (call: Call<Flags>) => Promise<void>, options: { readonly withoutBackend?: boolean; readonly mendsConfig?: boolean } = {}): void {
  command.action(async (...received: unknown[]) => {
    const self = received.at(-1) as Command;
    const flags = self.optsWithGlobals<Flags & GlobalFlags>();
    const args = received.slice(0, -2);
    const settings = readSettings(flags, process.env, options);
    const io = processIo({ json: flags.json, ascii: settings.ascii, command: (words) => commandLine(words, settings, flags) });
    for (const problem of settings.configProblems) io.err(`warning: ${problem}`);
    const failure = await act({
      args: args.filter((arg) => !Array.isArray(arg)) as (string | undefined)[],
      rest: (args.find((arg) => Array.isArray(arg)) as string[] | undefined) ?? [],
      flags,
      settings,
      io,
    }).then(
      () => undefined,
      (error: unknown) => ({ error: hintedFor(error, settings, flags) }),
    );
    if (failure !== undefined) throw failure.error;
  });
}

/** Collects an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
