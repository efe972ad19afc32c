import { readTraceLine } from '../../core/trace/trace-line.ts';
import { UserError } from '../../protocol/error.ts';
import { lineText, type FileLine } from './file-lines.ts';

/** What a line of a trace says. A last line that no newline ends, and that is no JSON, was cut within. */
export function traceLine(line: FileLine): ReturnType<typeof readTraceLine> {
  const text = lineText(line);
  if (!line.isEnded && line.number > 1) {
    try {
      JSON.parse(text);
    } catch (cause) {
      throw new UserError('usage', `the file is cut at line ${line.number}`, { hint: 'Export it again, or copy the file again', cause });
    }
  }
  return readTraceLine(text, line.number);
}
