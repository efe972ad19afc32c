import { parseArgs } from 'node:util';
import { fails, report } from './check-report.ts';
import type { Figure } from './check-report.ts';
import type { TerminalCheck } from './terminal/check.ts';
import { checks } from './terminal/checks.ts';
import { buildProgram, withContext } from './terminal/context.ts';

/*
 * What is demanded of the terminal, measured in pseudo-terminals with the program as it is shipped, each check
 * against a backend and a data directory of its own.
 *
 *   npm run check:terminal [-- --full] [-- --only 1,3]
 */

/** In the reduced form checks share the machine: most of them wait, most of the time. */
const SIDE_BY_SIDE = 2;

const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, only: { type: 'string' } } });
const wanted = values.only?.split(',').map(Number) ?? Object.keys(checks).map(Number);
const unknown = wanted.filter((number) => checks[number] === undefined);
if (unknown.length > 0) throw new Error(`no check ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`);

buildProgram();
const figures: Figure[] = [];
const leftOut: string[] = [];
/** Why a check broke off, by its number, with the screen as it stood. */
const brokenOff = new Map<number, string>();
const STACK_LINES = 4;
const waiting = [...wanted];
await Promise.all(
  Array.from({ length: values.full ? 1 : SIDE_BY_SIDE }, async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) await play((await checks[number]!()).check);
  }),
);
// What is missed beside another check is looked at once more alone: the second look counts, and says that it is one.
const missed = values.full ? [] : wanted.filter((number) => figures.some((figure) => fails(figure) && Number.parseInt(figure.name, 10) === number));
for (const number of missed) {
  console.error(`${number} missed something; once more, alone`);
  brokenOff.delete(number);
  figures.splice(0, Infinity, ...figures.filter((figure) => Number.parseInt(figure.name, 10) !== number));
  await play((await checks[number]!()).check, ', second look');
}
figures.sort((a, b) => Number.parseInt(a.name, 10) - Number.parseInt(b.name, 10));
report(`check:terminal, ${values.full ? 'in full' : 'reduced'}`, figures);
for (const what of leftOut) console.log(`LEFT OUT: ${what}`);
for (const [, what] of [...brokenOff].toSorted(([one], [other]) => one - other)) console.log(`\nBROKE OFF: ${what}`);

async function play(check: TerminalCheck, look = ''): Promise<void> {
  const title = `${check.number} ${check.name}${look}`;
  const startedAt = performance.now();
  const leaveOut = (what: string): void => void leftOut.push(`${title}: ${what}`);
  try {
    const findings = await withContext(`terminal-${check.number}`, { isFull: values.full, leaveOut }, (context) => check.run(context));
    figures.push(...findings.map((finding) => ({ ...finding, name: `${title}: ${finding.name}` })));
  } catch (error) {
    brokenOff.set(check.number, `${title}: ${shortened(error)}`);
    figures.push({ name: title, measured: `broke off: ${String(error).split('\n')[0]}`, demanded: 'an end', isMet: false });
  }
  console.error(`${title}: ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
}

/** All that is said, which may be a screen of many rows, and of the stack where it began. */
function shortened(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const calls = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return [error.message, ...calls.slice(0, STACK_LINES)].join('\n');
}
