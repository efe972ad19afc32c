import { spooledLines, type SpooledLines } from '../../client/log-lines/spooled-lines.ts';
import type { LogLines } from '../../core/log-lines.ts';
import type { RunChange } from '../../protocol/change.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';

/** Keeps the lines of the run that is followed, outside of the state: most of a long log lies on a disk. */
export interface RunLines {
  /** Takes the lines out of some changes of a run, where there are any. A run that is followed again goes on where it was. */
  take(runId: string, changes: readonly RunChange[]): { readonly changes: readonly RunChange[]; readonly lines?: LogLines };
  /** Lets go of them. */
  close(): void;
}

/** Fewer than a screen shows would let go of what somebody reads. */
const FEWEST_LINES = 1_000;

/**
 * How many lines of a run are kept, by `STEPSCOPE_LOG_LINES`: less disk than the limit takes. Throws `usage` for what
 * is no such number.
 */
export function mostLinesOf(environment: Readonly<Record<string, string | undefined>>): number {
  const given = environment['STEPSCOPE_LOG_LINES'];
  if (given === undefined || given === '') return limits.logLines;
  const lines = Number(given);
  if (Number.isInteger(lines) && lines >= FEWEST_LINES && lines <= limits.logLines) return lines;
  throw new UserError('usage', `STEPSCOPE_LOG_LINES is "${given}"`, { hint: `A whole number from ${FEWEST_LINES} to ${limits.logLines}: the lines of a log that are kept.` });
}

export function runLines(mostLines: number = limits.logLines): RunLines {
  let kept: { readonly runId: string; readonly lines: SpooledLines } | undefined;
  const close = (): void => {
    kept?.lines.close();
    kept = undefined;
  };
  return {
    take(runId, changes) {
      const rows = changes.flatMap((change) => (change.table === 'test_execution_logs' ? [change.row] : []));
      // Also where the lines lie in a file that is opened, and never come as changes.
      if (rows.length === 0) return { changes };
      if (kept?.runId !== runId) {
        close();
        kept = { runId, lines: spooledLines({ mostLines }) };
      }
      kept.lines.append(rows);
      return { changes: changes.filter((change) => change.table !== 'test_execution_logs'), lines: kept.lines };
    },
    close,
  };
}
