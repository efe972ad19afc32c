import type { Json, JsonObject } from '../../protocol/json.ts';
import type { LogRow } from '../../protocol/rows.ts';
import type { LogLevel } from '../../protocol/vocabulary.ts';
import { levelOfSeverity, parseLevel } from '../levels.ts';
import { isObject } from '../value-tags.ts';
import type { ImportContext } from './blank-rows.ts';
import { blankLog } from './blank-rows.ts';
import { timeOf } from './times.ts';

/** The names under which loggers put what every log line has, most telling first. */
export const logNames = {
  level: ['level', 'severity', 'log_level', 'loglevel', 'lvl', 'levelname', 'severity_text', 'severityText', 'log.level', '@l'],
  message: ['message', 'msg', 'text', 'event', 'body', 'short_message', '@m', 'log'],
  time: ['timestamp', 'time', '@timestamp', 'ts', 'datetime', 'date', '@t', 'asctime'],
  step: ['step_name', 'step', 'component', 'logger', 'name', 'module', 'service'],
  file: ['file_path', 'file', 'filename', 'source'],
  function: ['function_name', 'function', 'func', 'funcName'],
} as const;

/** A line of a log as a row. What has no column goes to `data`, so that nothing of the line is lost. */
export function logOfObject(line: JsonObject, seq: number, context: ImportContext): LogRow {
  const rest: Record<string, Json> = { ...line };
  /** Takes the first of the fields that can be read; others stay in the rest. */
  const take = <T>(candidates: readonly string[], read: (value: Json) => T | undefined): T | undefined => {
    for (const name of candidates) {
      const value = Object.hasOwn(rest, name) ? read(rest[name]!) : undefined;
      if (value === undefined) continue;
      delete rest[name];
      return value;
    }
    return undefined;
  };

  let spelled: Json = null;
  const level = take(logNames.level, (value) => {
    const found = levelOf(value);
    if (found !== undefined && found !== value) spelled = value;
    return found;
  });
  const text = (value: Json): string | undefined => (typeof value === 'string' ? value : undefined);
  const message = take(logNames.message, text) ?? JSON.stringify(line);
  let written: Json = null;
  const timestamp = take(logNames.time, (value) => {
    const found = timeOf(value);
    if (found !== undefined && found !== value) written = value;
    return found;
  });
  const short = (value: Json): string | undefined => (typeof value === 'string' && value.length <= 200 ? value : undefined);
  const imported = { ...(spelled === null ? {} : { level: spelled }), ...(written === null ? {} : { time: written }) };
  return blankLog(context, {
    seq,
    message,
    log_level: level ?? 'info',
    step_name: take(logNames.step, short) ?? null,
    file_path: take(logNames.file, short) ?? null,
    function_name: take(logNames.function, short) ?? null,
    timestamp: timestamp ?? context.now,
    data: Object.keys(rest).length === 0 ? null : rest,
    metadata: Object.keys(imported).length === 0 ? {} : { imported },
  });
}

/** In words, by pino's and bunyan's numbers (10 to 60), or by OpenTelemetry's (1 to 24). */
export function levelOf(value: Json): LogLevel | undefined {
  if (typeof value === 'string') return parseLevel(value);
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined;
  if (value >= 1 && value <= 24 && value % 10 !== 0) return levelOfSeverity(value);
  if (value < 10 || value > 100) return undefined;
  return value < 30 ? 'debug' : value < 40 ? 'info' : value < 50 ? 'warn' : value < 60 ? 'error' : 'critical';
}

/** Is this line of JSON one of a log, and not a piece of something else? */
export function looksLikeLog(line: Json): boolean {
  return isObject(line) && [...logNames.message, ...logNames.level, ...logNames.time].some((name) => Object.hasOwn(line, name));
}
