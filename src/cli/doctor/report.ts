import { plural, printable } from '../../core/format.ts';
import { errorCodes, UserError } from '../../protocol/error.ts';
import { Ended } from '../failure.ts';
import type { Io, Style } from '../io.ts';
import { perform } from './check.ts';
import type { Check, CheckName, Finding } from './check.ts';

const words: Record<Finding['result'], { readonly word: string; readonly style: Style }> = {
  ok: { word: 'ok', style: 'good' },
  warning: { word: 'warning', style: 'warn' },
  problem: { word: 'problem', style: 'bad' },
};

/** What is found is said at once, and the problems again at the end. */
interface Report {
  /** One after the other, until a person interrupts: what a check has begun it ends. */
  look(checks: readonly Check[], hasRights?: boolean): Promise<void>;
  /** Work without which nothing more can be looked at. What a person can act on is a finding. */
  tried<T>(name: CheckName, work: () => Promise<T>): Promise<T | undefined>;
  isBroken(name: CheckName): boolean;
  /** Says the problems again, and before them why a check that `only` names was not looked at. Throws `Ended` when there are any. */
  sum(whyNot: (name: CheckName) => string): void;
}

/** `only` leaves all checks out that have other names. */
export function openReport(
  io: Io,
  { interrupted, only }: { readonly interrupted: AbortSignal; readonly only: readonly CheckName[] | undefined },
): Report {
  const looked = new Set<CheckName>();
  const findings: Finding[] = [];
  const add = (finding: Finding): void => {
    findings.push(finding);
    if (io.json) io.out(JSON.stringify(finding));
    else linesOf(finding, io).forEach((line) => io.out(line));
  };
  return {
    async look(checks, hasRights = true) {
      for (const check of checks) {
        looked.add(check.name);
        if (interrupted.aborted || only?.includes(check.name) === false) continue;
        (await perform(check, hasRights)).forEach(add);
      }
    },
    async tried(name, work) {
      try {
        return await work();
      } catch (error) {
        // Called wrongly, as with a run that there is not.
        if (!(error instanceof UserError) || errorCodes[error.code].exit === 2) throw error;
        looked.add(name);
        add({ name, result: 'problem', what: error.message, hint: error.hint });
        return undefined;
      }
    },
    isBroken: (name) => findings.some((finding) => finding.name === name && finding.result === 'problem'),
    sum(whyNot) {
      const problems = findings.filter((finding) => finding.result === 'problem');
      if (interrupted.aborted) return;
      for (const name of only ?? []) {
        if (!looked.has(name)) add({ name, result: 'warning', what: `not looked at, because ${whyNot(name)}` });
      }
      if (!io.json) {
        io.out('');
        if (problems.length === 0) io.out(io.paint('good', 'No problem found.'));
        else io.out(io.paint('bad', `${plural(problems.length, 'problem')}:`));
        for (const problem of problems) {
          wrap(`${problem.name}: ${printable(problem.what)}`, io.columns - 2).forEach((line) => io.out(`  ${line}`));
          const cures = new Set([problem.command === undefined ? problem.hint : `$ ${problem.command}`]);
          for (const cure of cures) if (cure !== undefined) io.out(`    ${io.paint('strong', cure)}`);
        }
      }
      if (problems.length > 0) throw new Ended(1);
    },
  };
}

const indent = 25;

function linesOf({ name, result, what, hint, command }: Finding, io: Io): readonly string[] {
  const { word, style } = words[result];
  const [first = '', ...rest] = wrap(printable(what), io.columns - indent);
  const hints = hint === undefined ? [] : wrap(hint, io.columns - indent);
  return [
    `${io.paint(style, word.padEnd(8))} ${name.padEnd(15)} ${first}`,
    ...[...rest, ...hints].map((line) => `${' '.repeat(indent)}${line}`),
    // In one piece, to be copied.
    ...(command === undefined ? [] : [`${' '.repeat(9)}$ ${command}`]),
  ];
}

function wrap(text: string, width: number): readonly string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
