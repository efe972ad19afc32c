import { sharesId } from '../../core/correlation.ts';
import { filterFacts, matchesFilter } from '../../core/filter.ts';
import { levelRank } from '../../core/levels.ts';
import type { OpenRun } from '../state.ts';
import { stepsOf } from './steps.ts';

/** What one slice of a scan may cost, whatever the clock says: some milliseconds, for a key waits as long. */
export const SLICE_COST = 60_000;
/** What a look at a line costs by its level, step and context: a tenth of a microsecond or so. */
export const FACTS_COST = 1;
/** Its row is parsed and checked. */
const ROW_COST = 40;
const ROW_BYTES_A_COST = 8;
const TEXT_BYTES_A_COST = 64;

export const rowCost = (bytes: number): number => ROW_COST + bytes / ROW_BYTES_A_COST;
export const textCost = (bytes: number): number => bytes / TEXT_BYTES_A_COST;

/** The filters of a log as a question to the lines, asked by index and in order. */
export interface LinePasses {
  passes(index: number): boolean;
  /** What was spent so far. */
  spent(): number;
}

export function passesOf(run: OpenRun): LinePasses {
  const { filter, filtersOff, leastLevel, onlyStep, onlyId } = run.log;
  const { logs } = run.view;
  let spent = 0;
  const least = levelRank(leastLevel);
  const facts = filter && filterFacts(filter);
  const says = (facts?.words ?? []).map((words) => logs.says(words));
  const mayShare = onlyId && logs.mayHold(onlyId.value.toLowerCase());
  const tests = mayShare ? [...says, mayShare] : says;
  const needsRow = (facts !== undefined && !facts.areAll) || onlyId !== undefined;
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const displayOf = (key: string): string | undefined => displays.get(key);
  const isOfStep = (key: string | null): boolean => key === onlyStep || (key?.startsWith(`${onlyStep}.`) ?? false);

  const passes = (index: number): boolean => {
    const level = logs.levelAt(index);
    if (level < least || (onlyStep !== undefined && !isOfStep(logs.stepAt(index)))) return false;
    if (facts && !(facts.level(level) && facts.context(logs.contextAt(index)))) return false;
    let isSure = !needsRow;
    for (const one of says) {
      const answer = one.at(index);
      if (answer === false) return false;
      isSure &&= answer === true;
    }
    if (isSure) return true;
    if (mayShare?.at(index) === false) return false;
    spent += rowCost(logs.sizeAt(index));
    const row = logs.at(index);
    return (filter === undefined || matchesFilter(filter, row, displayOf)) && (onlyId === undefined || sharesId(row, onlyId.value));
  };
  return {
    passes: (index) => {
      spent += FACTS_COST;
      return filtersOff || passes(index);
    },
    spent: () => tests.reduce((sum, one) => sum + textCost(one.bytes), spent),
  };
}
