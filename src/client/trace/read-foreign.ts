import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { z } from 'zod';
import type { ImportContext } from '../../core/import/blank-rows.ts';
import { parseExactJson } from '../../core/import/exact-json.ts';
import { addDocument, MOST_RECORDS, runOfTrace } from '../../core/import/otlp.ts';
import type { OtlpTrace } from '../../core/import/otlp.ts';
import { ownRunId, runSpan } from '../../core/import/own-spans.ts';
import { OtlpDocument } from '../../core/import/otlp-values.ts';
import { runOfTranscript } from '../../core/import/transcript.ts';
import type { Imported } from '../../core/import/transcript.ts';
import { jsonTextProblem } from '../../core/json-limits.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { fileLines, lineText } from './file-lines.ts';
import { countRows, uuidOf } from './recording.ts';
import type { Recording } from './recording.ts';
import type { SourceFile } from './source-file.ts';
import { wholeText } from './trace-document.ts';

/** A conversation of agents. */
export async function readTranscript(source: SourceFile, now: string): Promise<Recording> {
  const text = await wholeText(source);
  const context = contextOf(source, `transcript ${createHash('sha256').update(text).digest('hex')}`, now);
  // What is around a message does not count towards its depth.
  const json = parsed(text, 2, source.name);
  return recordingOf('transcript', attempt(source.name, () => runOfTranscript(json, context)));
}

/** What a collector wrote: one document, or one a line. A run for each trace in it. */
export async function readOtlp(source: SourceFile, now: string): Promise<readonly Recording[]> {
  const traces = new Map<string, OtlpTrace>();
  const add = (text: string, place: string): void => {
    const document = attempt(place, () => OtlpDocument.parse(parsed(text, 6, place)));
    if (document.resourceSpans === undefined && document.resourceLogs === undefined) throw new UserError('usage', `${place} is no OTLP: it has neither resourceSpans nor resourceLogs`);
    addDocument(traces, document);
    const records = [...traces.values()].reduce((sum, { spans, logs }) => sum + spans.length + logs.length, 0);
    if (records > MOST_RECORDS) throw new UserError('too-large', `${source.name} has more than ${MOST_RECORDS} spans and log records`, { hint: 'Import it in parts' });
  };
  if (await isOneALine(source)) {
    for await (const lines of fileLines(source.read())) for (const line of lines) add(lineText(line), `line ${line.number}`);
  } else add(await wholeText(source), source.name);

  // Records without a trace belong to the one there is; beside several they are a run of their own.
  const loose = traces.get('');
  if (loose !== undefined && traces.size === 2) {
    traces.delete('');
    [...traces.values()][0]!.logs.push(...loose.logs);
  }
  const found = [...traces.values()].filter(({ spans, logs }) => spans.length + logs.length > 0);
  if (found.length === 0) throw new UserError('usage', `${source.name} has no span and no log record`);
  return found.map((trace) => {
    const name = trace.traceId === '' ? `otlp ${createHash('sha256').update(JSON.stringify(trace)).digest('hex')}` : `otlp ${trace.traceId}`;
    const context = contextOf(source, name, now);
    const ours = runSpan(trace.spans);
    const runId = ours !== undefined ? ownRunId(ours.record)! : /^[0-9a-f]{32}$/i.test(trace.traceId) ? trace.traceId.toLowerCase() : context.runId;
    const { run, rows } = attempt(source.name, () => runOfTrace(trace, { ...context, runId }));
    // The id of a trace says nothing of what is in it: another file may tell more of it, or something else.
    const imported = { ...(run.execution_data['imported'] as JsonObject), sha256: contentDigest(trace) };
    return recordingOf('otlp', { run: { ...run, execution_data: { ...run.execution_data, imported } }, rows });
  });
}

/** Of all that a file says about a trace, however it is laid out. Record by record: in one piece it may be longer than a text can be. */
function contentDigest({ spans, logs }: OtlpTrace): string {
  const hash = createHash('sha256');
  for (const told of [...spans, ...logs]) hash.update(`${JSON.stringify(told)}\n`);
  return hash.digest('hex');
}

/** Its first line is a document by itself, and not the first of many lines of one. */
async function isOneALine(source: SourceFile): Promise<boolean> {
  for await (const [line] of fileLines(source.read(), { maxBytes: limits.importDocumentBytes })) {
    try {
      parseExactJson(lineText(line!));
      return true;
    } catch {
      return false;
    }
  }
  return false;
}

function contextOf(source: SourceFile, identity: string, now: string): ImportContext {
  const runId = uuidOf(identity);
  return { runId, idOf: (what) => uuidOf(`${runId} ${what}`), now, name: basename(source.name) };
}

function recordingOf(format: Recording['format'], imported: Imported): Recording {
  // What a record did not have is absent, and not undefined.
  const { run, rows } = JSON.parse(JSON.stringify(imported)) as { run: JsonObject; rows: readonly TraceRow[] };
  const counts: Record<string, number> = { test_execution_runs: 1 };
  for (const { table } of rows) countRows(counts, table);
  return {
    format,
    run,
    counts,
    sha256: undefined,
    notices: [],
    rows: async function* () {
      yield rows;
    },
  };
}

function parsed(text: string, envelope: number, place: string): Json {
  const problem = jsonTextProblem(text, envelope);
  if (problem !== undefined) throw new UserError('too-large', `${place}: ${problem}`);
  try {
    return parseExactJson(text);
  } catch (cause) {
    throw new UserError('usage', `${place} is not JSON: ${(cause as Error).message}`);
  }
}

function attempt<T>(place: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof RangeError) throw new UserError('too-large', `${place} is ${cause.message}`);
    if (!(cause instanceof z.ZodError)) throw cause;
    const [issue] = cause.issues;
    throw new UserError('usage', `${place}: ${issue?.path.join('.') || 'it'}: ${issue?.message}`);
  }
}
