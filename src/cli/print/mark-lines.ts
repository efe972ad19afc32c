import type { Backend } from '../../client/backend.ts';
import { formatClock, plural, printable } from '../../core/format.ts';

/** Each line is one question to the backend: of more marks than these the text is not read. */
const MOST_READ = 50;
/** Characters of a line's text. */
const TEXT_LENGTH = 160;

/** The marked lines of a run: number, time and text of each, who marked it, and beneath what was noted. */
export async function markLines(backend: Pick<Backend, 'logBookmarks' | 'logs'>, runId: string): Promise<readonly string[]> {
  const marks = await backend.logBookmarks(runId);
  const lines = await Promise.all(
    marks.map(async ({ seq, note, author_name: author }, index) => {
      const [row] = index < MOST_READ ? await backend.logs(runId, { afterSeq: seq - 1, limit: 1 }) : [];
      const text = row?.seq === seq ? `  ${formatClock(row.timestamp)}  ${short(row.message)}` : '';
      return [`line ${seq}${text}  (${printable(author ?? 'somebody')})`, ...(note === '' ? [] : [`  ${printable(note)}`])];
    }),
  );
  const unread = marks.length - MOST_READ;
  return [...lines.flat(), ...(unread > 0 ? [`The text of the last ${plural(unread, 'line')} is not shown.`] : [])];
}

function short(message: string): string {
  const text = printable(message);
  return text.length > TEXT_LENGTH ? `${text.slice(0, TEXT_LENGTH - 1)}…` : text;
}
