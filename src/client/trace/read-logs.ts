import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { plural } from '../../core/format.ts';
import { blankRun } from '../../core/import/blank-rows.ts';
import type { ImportContext } from '../../core/import/blank-rows.ts';
import { parseExactJson } from '../../core/import/exact-json.ts';
import { logOfObject } from '../../core/import/jsonl.ts';
import { jsonTextProblem } from '../../core/json-limits.ts';
import { isObject } from '../../core/value-tags.ts';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { fileLines, lineText } from './file-lines.ts';
import type { FileLine } from './file-lines.ts';
import { uuidOf } from './recording.ts';
import type { Recording } from './recording.ts';
import type { SourceFile } from './source-file.ts';

/** What is kept of the message of a line that is too long for a row. */
const KEPT_LENGTH = 16 * 1024;

/** A log with one JSON object a line, as a run without steps. The same lines are the same run. */
export async function readLogs(source: SourceFile, now: string): Promise<Recording> {
  const hash = createHash('sha256');
  const levels: Record<string, number> = {};
  let count = 0;
  let cut = 0;
  let first: string | undefined;
  let last: string | undefined;
  const checking: ImportContext = { runId: '', idOf: () => '', now: '', name: '' };
  for await (const lines of fileLines(source.read())) {
    for (const line of lines) {
      if (isBlank(line)) continue;
      hash.update(line.bytes);
      hash.update('\n');
      const row = rowOf(line, ++count, checking);
      if (line.bytes.length > limits.eventBytes) cut++;
      levels[row.log_level] = (levels[row.log_level] ?? 0) + 1;
      if (row.timestamp === '') continue;
      if (first === undefined || row.timestamp < first) first = row.timestamp;
      if (last === undefined || row.timestamp > last) last = row.timestamp;
    }
  }
  if (count === 0) throw new UserError('usage', `${source.name} has no line with anything in it`);

  const runId = uuidOf(`jsonl ${hash.digest('hex')}`);
  const name = basename(source.name);
  const context: ImportContext = { runId, idOf: (what) => uuidOf(`${runId} ${what}`), now, name };
  const run = blankRun(context, {
    pipeline_key: 'log',
    execution_data: { imported: { format: 'jsonl', name, lines: count } },
    log_counts: levels,
    started_at: first ?? null,
    completed_at: last ?? null,
    total_duration_ms: first === undefined || last === undefined ? null : Date.parse(last) - Date.parse(first),
    seq: count + 2,
  });
  return {
    format: 'jsonl',
    run: run as unknown as JsonObject,
    counts: { test_execution_runs: 1, test_execution_logs: count },
    sha256: undefined,
    notices: cut === 0 ? [] : [`${plural(cut, 'line')} of more than ${limits.eventBytes} bytes ${cut === 1 ? 'was' : 'were'} cut.`],
    rows: () => rowsOf(source, context),
  };
}

async function* rowsOf(source: SourceFile, context: ImportContext): AsyncGenerator<readonly TraceRow[]> {
  let count = 0;
  for await (const lines of fileLines(source.read())) {
    const rows: TraceRow[] = [];
    for (const line of lines) {
      if (!isBlank(line)) rows.push({ table: 'test_execution_logs', row: rowOf(line, ++count, context) as unknown as JsonObject });
    }
    yield rows;
  }
}

/** The first number of a run is that of the run itself. */
const FIRST_SEQ = 1;

function rowOf(line: FileLine, count: number, context: ImportContext): LogRow {
  const text = lineText(line);
  const problem = jsonTextProblem(text);
  if (problem !== undefined) throw new UserError('too-large', `line ${line.number}: ${problem}`);
  const row = logRowOf(text, count + FIRST_SEQ, context);
  if (row === 'no JSON') throw new UserError('usage', `line ${line.number} is not JSON`, { hint: 'A log is imported that has one JSON object a line' });
  if (row === 'no object') throw new UserError('usage', `line ${line.number} is not a JSON object`);
  return row;
}

/** The row of a line of a log, cut where it is longer than a row may be; or why there is none. */
export function logRowOf(text: string, seq: number, context: ImportContext): LogRow | 'no JSON' | 'no object' {
  let json;
  try {
    json = parseExactJson(text);
  } catch {
    return 'no JSON';
  }
  if (!isObject(json)) return 'no object';
  const row = logOfObject(json, seq, context);
  if (text.length <= limits.eventBytes) return row;
  return { ...row, message: row.message.slice(0, KEPT_LENGTH), data: { $truncated: Buffer.byteLength(text) } };
}

/** Windows ends lines with two characters. */
function isBlank(line: FileLine): boolean {
  return line.bytes.length === 1 && line.bytes[0] === 0x0d;
}
