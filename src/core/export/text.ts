import type { LogRow, RunRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { printable } from '../format.ts';
import { flattenSteps } from '../step-reference.ts';

/** The log of a run as plain text, a line for each row: `2026-11-21T14:03:07.250Z warn     8e  the message {"data":…}`. */
export async function* logText(rows: AsyncIterable<readonly TraceRow[]>): AsyncGenerator<string> {
  const displays = new Map<string, string>();
  for await (const some of rows) {
    let piece = '';
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') for (const step of flattenSteps((row as RunRow).step_tree ?? [])) displays.set(step.key, step.display);
      if (table === 'test_execution_logs') piece += `${logLine(row as LogRow, displays)}\n`;
    }
    if (piece !== '') yield piece;
  }
}

/** One row as one line, whatever is in it. */
export function logLine(log: LogRow, displays: ReadonlyMap<string, string>): string {
  const step = log.step_key === null ? (log.step_name ?? '') : (displays.get(log.step_key) ?? log.step_key);
  const data = log.data === null ? '' : ` ${JSON.stringify(log.data)}`;
  const ms = Date.parse(log.timestamp);
  return `${Number.isNaN(ms) ? log.timestamp : new Date(ms).toISOString()} ${log.log_level.padEnd(8)} ${printable(step).padEnd(4)} ${printable(`${log.message}${data}`)}`;
}
