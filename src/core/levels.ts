import type { LogLevel } from '../protocol/vocabulary.ts';
import { LogLevel as levels } from '../protocol/vocabulary.ts';

const spellings: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  verbose: 'debug',
  debug: 'debug',
  dbg: 'debug',
  d: 'debug',
  info: 'info',
  information: 'info',
  notice: 'info',
  log: 'info',
  i: 'info',
  warn: 'warn',
  warning: 'warn',
  w: 'warn',
  error: 'error',
  err: 'error',
  e: 'error',
  critical: 'critical',
  crit: 'critical',
  fatal: 'critical',
  alert: 'critical',
  emergency: 'critical',
  c: 'critical',
};

/** A level in any usual spelling (`WARNING`, `err`, `fatal`); undefined when it is none. */
export function parseLevel(text: string): LogLevel | undefined {
  const word = text.trim().toLowerCase();
  return Object.hasOwn(spellings, word) ? spellings[word] : undefined;
}

/** Place of a level among the five, from 0. */
export function levelRank(level: LogLevel): number {
  return levels.options.indexOf(level);
}

/** OpenTelemetry severity numbers. */
export const otelSeverity = { debug: 5, info: 9, warn: 13, error: 17, critical: 21 } as const satisfies Record<LogLevel, number>;

/** The level of an OpenTelemetry severity number, 1 to 24. */
export function levelOfSeverity(severity: number): LogLevel {
  if (severity >= 21) return 'critical';
  if (severity >= 17) return 'error';
  if (severity >= 13) return 'warn';
  return severity >= 9 ? 'info' : 'debug';
}
