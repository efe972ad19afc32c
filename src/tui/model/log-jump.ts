import { formatClock } from '../../core/format.ts';
import { firstIndex } from '../../core/log-lines.ts';
import { resolveStep } from '../../core/step-reference.ts';
import { UserError } from '../../protocol/error.ts';
import type { OpenRun } from '../state.ts';
import { placeOfSeq } from './log.ts';
import { stepsOf } from './steps.ts';

/** Where a jump leads: a line that passes the filters, and what it is in words. */
export interface JumpTarget {
  readonly place: number;
  readonly words: string;
}

/**
 * The line that a person means by `14:03`, `14:03:07.2` (clock), `+12s`, `+1m30s` (after the start), `#1200` (its number) or a
 * step (`8e`, its key or name): that line, or the first after it that passes the filters.
 *
 * Throws `usage` or `not-found` with what is closest.
 */
export function jumpTarget(run: OpenRun, text: string): JumpTarget {
  const word = text.trim();
  const { log, view } = run;
  if (log.matchCount === log.matchFirst) throw new UserError('not-found', 'there is no line to go to');
  const at = (place: number, what: string): JumpTarget => {
    if (place >= log.matchCount) throw new UserError('not-found', `no line comes at or after ${what}`, { hint: 'G goes to the last one' });
    return { place, words: what };
  };
  const number = /^#(\d{1,15})$/.exec(word);
  if (number) return at(placeOfSeq(run, Number(number[1])), `line ${number[1]}`);

  const ms = momentOf(run, word);
  if (ms !== undefined) {
    // Clocks of different machines do not agree to the millisecond: of lines that are out of order the first will do.
    const place = firstIndex(log.matchFirst, log.matchCount, (one) => view.logs.timeAt(log.matches.at(one)) >= ms);
    return at(place, formatClock(new Date(ms).toISOString()));
  }
  if (/^[+\d]*[:.]|^\+/.test(word)) throw new UserError('usage', `"${word}" is no time`, { hint: 'Write 14:03, 14:03:07.2, or +12s and +1m30s after the start' });

  const steps = stepsOf(view);
  if (/^\d+$/.test(word) && !steps.some((one) => one.display === word)) throw new UserError('not-found', `no step "${word}"`, { hint: `#${word} is the line with that number` });
  const step = resolveStep(word, steps);
  for (let place = log.matchFirst; place < log.matchCount; place += 1) {
    const key = view.logs.stepAt(log.matches.at(place));
    if (key === step.key || (key?.startsWith(`${step.key}.`) ?? false)) return { place, words: `step ${step.display} ${step.name}` };
  }
  throw new UserError('not-found', `step ${step.display} ${step.name} has no line that is shown`, { hint: 'F switches the filters off' });
}

const DAY_MS = 86_400_000;

/** Milliseconds since 1970 of a clock time or a time after the start; undefined for what is neither. */
function momentOf(run: OpenRun, word: string): number | undefined {
  const { logs } = run.view;
  const from = logs.length > logs.first ? logs.timeAt(logs.first) : Date.parse(run.view.run?.started_at ?? '');
  const after = /^\+(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/.exec(word);
  if (after && word !== '+') {
    const [hours = 0, minutes = 0, seconds = 0, ms = 0] = after.slice(1).map((one) => Number(one ?? 0));
    const start = Date.parse(run.view.run?.started_at ?? '');
    return (Number.isNaN(start) ? from : start) + hours * 3_600_000 + minutes * 60_000 + seconds * 1_000 + ms;
  }
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))?$/.exec(word);
  if (!clock || Number(clock[1]) > 23 || Number(clock[2]) > 59 || Number(clock[3] ?? 0) >= 60) return undefined;
  const day = new Date(from);
  const ms = day.setHours(Number(clock[1]), Number(clock[2]), Math.floor(Number(clock[3] ?? 0)), Math.round((Number(clock[3] ?? 0) % 1) * 1_000));
  // A run that began before midnight goes on after it.
  return ms < from - DAY_MS / 2 ? ms + DAY_MS : ms;
}
