import type { Command } from 'commander';
import { onCall } from '../call.ts';
import type { DoctorFlags } from '../doctor/examine.ts';

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('Checks for what usually goes wrong.')
    .description(
      'Checks machine, backend and database for what usually goes wrong, and says what to do. Exits 1 when it finds a problem, no backend among them; 2 for a filter, a check or a run that there is not.',
    )
    .argument('[run]', 'whose export and filter to look at: id, its last characters, or "last"')
    .option('--filter <filter>', 'why it shows nothing: as in `tail`, or as a program subscribes with it, log_level=eq.warn')
    .option('--as <whom>', 'look through the eyes of this address, of anon or of authenticated')
    .option('--database-url <ref>', 'look into the database itself too, as env:NAME, @file or -')
    .option('--only <checks>', 'only checks of these names, as: token,delivery')
    .option('--mend', 'first put back triggers, policies and the publication that the schema made and that are missing');
  onCall<DoctorFlags>(command, async ({ args, flags, settings, io }) => {
    const { examine } = await import('../doctor/examine.ts');
    await examine({ flags, settings, io, run: args[0] });
  });
}
