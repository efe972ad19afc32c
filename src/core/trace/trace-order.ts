import { UserError } from '../../protocol/error.ts';
import type { TraceHeader } from '../../protocol/trace.ts';
import type { TraceLine } from './trace-line.ts';

/** Follows the lines of a trace and says what is wrong with them together. */
export interface TraceOrder {
  /** Takes the next line. Throws `usage` with the number of the line. */
  readonly take: (line: TraceLine, number: number) => void;
  /** Called after the last line, with the checksum of all lines before it. Throws `usage` for a file that is cut off or changed. */
  readonly finish: (lastLine: number, sha256: string) => void;
}

/** A trace has a header, the row of its run, rows of the same run, and an end that counts them. */
export function traceOrder(): TraceOrder {
  let header: TraceHeader | undefined;
  let rows = 0;
  let end: { readonly rows: number; readonly sha256: string } | undefined;

  const takeRow = (line: Extract<TraceLine, { kind: 'row' }>, number: number, runId: string) => {
    const isRun = line.table === 'test_execution_runs';
    if (rows === 0 && !isRun) throw new UserError('usage', `line ${number} is a row of ${line.table}, where the row of the run should stand`);
    if (rows > 0 && isRun) throw new UserError('usage', `line ${number} is a second run; a trace has one`);
    const ofRun = line.row['test_run_id'];
    if (ofRun !== undefined && ofRun !== runId) throw new UserError('usage', `line ${number} belongs to another run than the header names`);
    rows++;
  };

  return {
    take: (line, number) => {
      if (end !== undefined) throw new UserError('usage', `line ${number} stands after the end of the trace`);
      if (header === undefined) {
        if (line.kind !== 'header') throw new UserError('usage', `line ${number} is not the header of a trace`);
        header = line.header;
      } else if (line.kind === 'header') throw new UserError('usage', `line ${number} is a second header`);
      else if (line.kind === 'end') end = line.end;
      else takeRow(line, number, header.run_id);
    },
    finish: (lastLine, sha256) => {
      if (end === undefined) {
        throw new UserError('usage', `the trace is cut off after line ${lastLine}: its last line, which says how many there are, is missing`, {
          hint: 'Export it again, or copy the file again',
        });
      }
      if (end.rows !== rows) throw new UserError('usage', `the trace has ${rows} rows, and its last line (${lastLine}) says ${end.rows}`);
      if (end.sha256 !== sha256) {
        throw new UserError('usage', `the checksum in line ${lastLine} is not that of the lines before it: the file was changed or damaged`, {
          hint: 'Export it again, or copy the file again',
        });
      }
      if (rows === 0) throw new UserError('usage', 'the trace has no run');
    },
  };
}
