import { plural } from '../../core/format.ts';
import { limits } from '../../protocol/limits.ts';
import type { OpenRun } from '../state.ts';
import { scannedPart } from './log.ts';
import { sentence } from './sentence.ts';

/** Something that a reader of the log should know about what is not shown. */
export interface LogNote {
  readonly text: string;
  readonly tone: 'accent' | 'warn';
}

const percent = (part: number): string => `${Math.floor(part * 100)} %`;

/** How much of the log of a run in a backend has come, by the counts that its row keeps; 1 when all has, or nobody knows. */
function caughtUp({ link, view }: OpenRun): number {
  const stored = Object.values(view.run?.log_counts ?? {}).reduce((sum, count) => sum + count, 0);
  return link.state === 'live' || stored === 0 ? 1 : Math.min(1, view.logCount / stored);
}

/** Few words each, for the title of the log, most pressing first. */
export function logNotes(run: OpenRun): readonly LogNote[] {
  const { reading, view, log } = run;
  const part = scannedPart(run);
  const gone = view.logs.first;
  const come = caughtUp(run);
  return [
    ...(reading?.problem ? [{ text: reading.problem, tone: 'warn' } as const] : []),
    ...(reading && !reading.isWhole ? [{ text: reading.part === undefined ? 'reading' : `reading ${percent(reading.part)}`, tone: 'accent' } as const] : []),
    ...(!reading && come < 1 ? [{ text: `reading ${percent(come)}`, tone: 'accent' } as const] : []),
    ...(part < 1 && log.filter !== undefined ? [{ text: `so far, ${percent(part)}`, tone: 'accent' } as const] : []),
    ...(gone > 0 ? [{ text: `${gone.toLocaleString('en-US')} older let go`, tone: 'warn' } as const] : []),
  ];
}

/** What is said once, when lines have been let go or a file turns out to be damaged; undefined where it was said before. */
export function logNews(before: OpenRun, now: OpenRun): string | undefined {
  const problem = now.reading?.problem;
  if (problem !== undefined && before.reading?.problem === undefined) return sentence(problem, 'What came before it is shown');
  const { first, most = limits.logLines, problem: trouble } = now.view.logs;
  if (first === 0 || before.log.firstKept > 0) return undefined;
  const why = trouble ?? `at most ${most.toLocaleString('en-US')} are held here`;
  return `The oldest ${plural(first, 'line')} of the log were let go: ${why}. \`stepscope tail\` prints them all.`;
}
