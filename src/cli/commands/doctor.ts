import type { Command } from 'commander';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { backendChecks } from '../doctor/backend-checks.ts';
import type { Check, Finding } from '../doctor/check.ts';
import { machineChecks } from '../doctor/machine-checks.ts';
import { Ended } from '../failure.ts';
import { UserError } from '../../protocol/error.ts';
import type { Io, Style } from '../io.ts';

const words: Record<Finding['result'], { readonly word: string; readonly style: Style }> = {
  ok: { word: 'ok', style: 'good' },
  warning: { word: 'warning', style: 'warn' },
  problem: { word: 'problem', style: 'bad' },
};

export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('Checks for what usually goes wrong.')
    .description('Checks machine and backend for what usually goes wrong, and says what to do. Exits 1 when it finds a problem.');
  onCall(command, async ({ settings, io }) => {
    const findings: Finding[] = [];
    const look = async (checks: readonly Check[]): Promise<void> => {
      for (const check of checks) {
        const finding = await perform(check);
        findings.push(finding);
        print(finding, io);
      }
    };
    await look(machineChecks(settings));
    try {
      await withBackend(settings, io, { runner: true }, async (opened) => await look(backendChecks(opened)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const finding: Finding = { name: 'backend', result: 'problem', what: error.message, hint: error.hint };
      findings.push(finding);
      print(finding, io);
    }
    if (findings.some((finding) => finding.result === 'problem')) throw new Ended(1);
  });
}

/** A check that itself fails has found something. */
async function perform(check: Check): Promise<Finding> {
  try {
    return { name: check.name, ...(await check.look()) };
  } catch (error) {
    return { name: check.name, result: 'problem', what: (error as Error).message, hint: error instanceof UserError ? error.hint : undefined };
  }
}

function print(finding: Finding, io: Io): void {
  if (io.json) {
    io.out(JSON.stringify(finding));
    return;
  }
  const { word, style } = words[finding.result];
  io.out(`${io.paint(style, word.padEnd(8))} ${finding.name.padEnd(15)} ${finding.what}`);
  if (finding.hint !== undefined) io.out(`${' '.repeat(25)}${finding.hint}`);
}
