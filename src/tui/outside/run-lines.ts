import { spooledLines, type SpooledLines } from '../../client/log-lines/spooled-lines.ts';
import type { LogLines } from '../../core/log-lines.ts';
import type { RunChange } from '../../protocol/change.ts';
import { limits } from '../../protocol/limits.ts';

/** Keeps the lines of the run that is followed, outside of the state: most of a long log lies on a disk. */
export interface RunLines {
  /** Takes the lines out of some changes of a run, where there are any. A run that is followed again goes on where it was. */
  take(runId: string, changes: readonly RunChange[]): { readonly changes: readonly RunChange[]; readonly lines?: LogLines };
  /** Lets go of them. */
  close(): void;
}

/** @param mostLines How many of a run are kept; beyond that the oldest are let go. */
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
