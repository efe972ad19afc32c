import { randomUUID } from 'node:crypto';
import { looksLikeLog } from '../../core/import/jsonl.ts';
import { parseExactJson } from '../../core/import/exact-json.ts';
import { OtlpDocument } from '../../core/import/otlp-values.ts';
import { looksLikeTranscript } from '../../core/import/transcript.ts';
import { isObject } from '../../core/value-tags.ts';
import { copyRow } from '../../core/trace/settle-row.ts';
import { assertVersion } from '../../core/trace/trace-line.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import { fileLines, lineText } from './file-lines.ts';
import { readLogs } from './read-logs.ts';
import { readOtlp, readTranscript } from './read-foreign.ts';
import { readTrace, readTraceDocument } from './read-trace.ts';
import type { ImportFormat, Recording } from './recording.ts';
import { uuidOf } from './recording.ts';
import type { SourceFile } from './source-file.ts';
import { isTraceDocument, wholeText } from './trace-document.ts';

export interface ReadOptions {
  readonly format: ImportFormat;
  /** ISO 8601: when rows of formats that know no such thing were made. */
  readonly now: string;
}

/**
 * The runs in a file, all of it checked: what is returned can be stored. Holds little of it, whatever its length, for
 * traces and logs; a document of another format is held whole, within its limit.
 *
 * @throws UserError `usage` or `too-large`, with the line where there is one.
 */
export async function readRecordings(source: SourceFile, options: ReadOptions): Promise<readonly Recording[]> {
  const format = options.format === 'auto' ? await formatOf(source) : options.format;
  switch (format) {
    case 'trace':
      return [(await isTraceDocument(source)) ? await readTraceDocument(source) : await readTrace(source)];
    case 'jsonl':
      return [await readLogs(source, options.now)];
    case 'otlp':
      return await readOtlp(source, options.now);
    case 'transcript':
      return [await readTranscript(source, options.now)];
  }
}

/** The same run under ids of its own, so that it can stand beside the first. */
export function asCopy(recording: Recording): Recording {
  const runId = randomUUID();
  const idOf = (id: string): string => uuidOf(`${runId} ${id}`);
  return {
    ...recording,
    run: copyRow(recording.run, runId, idOf),
    sha256: undefined,
    rows: async function* () {
      for await (const rows of recording.rows()) yield rows.map(({ table, row }) => ({ table, row: copyRow(row, runId, idOf) }));
    },
  };
}

/** By content: how a file is called says nothing. Of a long line as much is looked at as tells what it is. */
async function formatOf(source: SourceFile): Promise<Exclude<ImportFormat, 'auto'>> {
  if (await isTraceDocument(source)) return 'trace';
  const first = await firstLine(source);
  if (first === undefined || (!isObject(first) && !looksLikeTranscript(first))) return await formatOfDocument(source);
  if (isObject(first) && first['stepscope'] === 'trace') {
    assertVersion(first['version']);
    return 'trace';
  }
  return formatOfJson(first, source);
}

/** The first line when it is JSON by itself. */
async function firstLine(source: SourceFile): Promise<Json | undefined> {
  for await (const [line] of fileLines(source.read())) {
    const text = lineText(line!);
    if (text.includes('\0')) throw unknown(source, 'it has bytes in it that no text has');
    try {
      return parseExactJson(text);
    } catch {
      return undefined;
    }
  }
  throw new UserError('usage', `${source.name} has no line with anything in it`);
}

async function formatOfDocument(source: SourceFile): Promise<Exclude<ImportFormat, 'auto'>> {
  let json: Json;
  try {
    json = parseExactJson(await wholeText(source));
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw unknown(source, 'line 1 is not JSON, and neither is the whole');
  }
  return formatOfJson(json, source);
}

function formatOfJson(json: Json, source: SourceFile): Exclude<ImportFormat, 'auto'> {
  if (isObject(json) && ('resourceSpans' in json || 'resourceLogs' in json) && OtlpDocument.safeParse(json).success) return 'otlp';
  if (isObject(json) && ('resourceSpans' in json || 'resourceLogs' in json)) return 'otlp';
  if (looksLikeTranscript(json)) return 'transcript';
  if (looksLikeLog(json)) return 'jsonl';
  throw unknown(source, 'it is JSON, but none of these');
}

function unknown(source: SourceFile, why: string): UserError {
  return new UserError('usage', `${source.name} is no trace, no OTLP/JSON, no JSONL log and no transcript: ${why}`, {
    hint: 'Say with --format what it is',
  });
}
