import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { levelRank } from '../levels.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** Data of one line, as JSON, cut here; the export has all of it. */
const DATA_LENGTH = 20_000;
/** What is kept for warnings and errors once the rest of the room is spent. */
const ALARMS = { share: 0.25, lines: 2_000 } as const;
const LINES_A_PIECE = 200;

interface Options {
  readonly rows: AsyncIterable<LogRow>;
  readonly masked: (row: LogRow) => LogRow;
  /** Characters it may take. */
  readonly room: number;
  readonly displays: ReadonlyMap<string, string>;
  /** What times are counted from. */
  readonly startedAt: number;
  readonly said: (logId: string) => readonly Html[];
}

/** The log of a shared page. Returns how many lines did not fit; of those that do not, warnings and errors go last. */
export async function* logLines({ rows, masked, room, displays, startedAt, said }: Options): AsyncGenerator<string, number> {
  let left = room * (1 - ALARMS.share);
  let leftForAlarms = room * ALARMS.share;
  let shown = 0;
  let omitted = 0;
  let gap = 0;
  let piece: string[] = [];
  for await (const row of rows) {
    if (shown === 0) piece.push(opening.markup);
    const isAlarm = levelRank(row.log_level) >= levelRank('warn') || said(row.id).length > 0;
    const isFull = left <= 0 || shown >= limits.sharedLogLines;
    if (isFull && (!isAlarm || leftForAlarms <= 0 || shown >= limits.sharedLogLines + ALARMS.lines)) {
      if (shown === 0) shown = 1;
      omitted += 1;
      gap += 1;
      continue;
    }
    const { markup } = lineItem(masked(row), { displays, startedAt, said: said(row.id), gap });
    if (isFull) leftForAlarms -= markup.length;
    else left -= markup.length;
    gap = 0;
    shown += 1;
    piece.push(markup);
    if (piece.length < LINES_A_PIECE) continue;
    yield piece.join('');
    piece = [];
  }
  if (shown > 0) piece.push('</ol>\n');
  yield piece.join('');
  return omitted;
}

const opening = html`<h2 id="log">Log</h2>
<form id="narrow" hidden><select id="level" aria-label="Least level"><option value="debug">all levels</option><option>info</option><option>warn</option><option>error</option><option>critical</option></select><input id="words" type="search" placeholder="Search the log" aria-label="Search the log"><span id="count" class="soft" role="status"></span></form>
<ol class="log">
`;

function lineItem(
  log: LogRow,
  { displays, startedAt, said, gap }: { readonly displays: Options['displays']; readonly startedAt: number; readonly said: readonly Html[]; readonly gap: number },
): Html {
  const step = log.step_key === null ? (log.step_name ?? '') : (displays.get(log.step_key) ?? log.step_key);
  const data = log.data === null ? undefined : JSON.stringify(log.data, null, 2);
  const cut = data !== undefined && data.length > DATA_LENGTH ? `${data.slice(0, DATA_LENGTH).toWellFormed()}\n…` : data;
  return html`<li data-level="${log.log_level}"><span class="soft">${since(Date.parse(log.timestamp) - startedAt)}</span><span class="${log.log_level}">${log.log_level}</span><span class="soft">${step}</span><span class="what">${gap > 0 && html`<span class="soft">(${gap} left out before)</span> `}${log.message}</span>${cut !== undefined && html`<details><summary>data</summary><pre>${cut}</pre></details>`}${said}</li>
`;
}

/** `+12.345`, in seconds. */
function since(ms: number): string {
  return Number.isNaN(ms) ? '' : `${ms < 0 ? '-' : '+'}${(Math.abs(ms) / 1000).toFixed(3)}`;
}
