import { sharesId } from '../../core/correlation.ts';
import { filterFacts, matchesFilter } from '../../core/filter.ts';
import { levelRank } from '../../core/levels.ts';
import type { OpenRun } from '../state.ts';
import { stepsOf } from './steps.ts';

/** What one slice of a scan may cost, whatever the clock says: some milliseconds. */
export const SLICE_COST = 100_000;
/** What a look at a line costs: by its level, step and context; by its text, of which whole blocks are searched; and by its row. */
const FACTS_COST = 1;
export const TEXT_COST = 4;
export const ROW_COST = 40;

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
  const mayHold = [...(facts?.words ?? []), ...(onlyId === undefined ? [] : [onlyId.value.toLowerCase()])].map((words) => logs.mayHold(words));
  const needsRow = (filter !== undefined && !facts!.areAll) || onlyId !== undefined;
  const displays = new Map(stepsOf(run.view).map((step) => [step.key, step.display]));
  const displayOf = (key: string): string | undefined => displays.get(key);
  const isOfStep = (key: string | null): boolean => key === onlyStep || (key?.startsWith(`${onlyStep}.`) ?? false);

  const passes = (index: number): boolean => {
    const level = logs.levelAt(index);
    if (level < least || (onlyStep !== undefined && !isOfStep(logs.stepAt(index)))) return false;
    if (facts && !(facts.level(level) && facts.context(logs.contextAt(index)))) return false;
    if (!needsRow) return true;
    spent += TEXT_COST * mayHold.length;
    if (!mayHold.every((holds) => holds(index))) return false;
    spent += ROW_COST;
    const row = logs.at(index);
    return (filter === undefined || matchesFilter(filter, row, displayOf)) && (onlyId === undefined || sharesId(row, onlyId.value));
  };
  return {
    passes: (index) => {
      spent += FACTS_COST;
      return filtersOff || passes(index);
    },
    spent: () => spent,
  };
}
