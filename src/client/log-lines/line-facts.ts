import { contextNames, type FactLists } from '../../core/log-columns.ts';
import { levelOf, logNames } from '../../core/import/jsonl.ts';
import { timeOf } from '../../core/import/times.ts';
import { levelRank } from '../../core/levels.ts';
import type { Json } from '../../protocol/json.ts';
import { LogLevel } from '../../protocol/vocabulary.ts';
import { fieldTable, scanObject, skipSpace, timeReader } from './json-scanner.ts';

/** Reads the facts of one line into the lists at a place; everything but where it lies. */
export interface FactReader {
  /** False for a line of which it makes nothing. `from` to `to` is the line without its end. */
  read(bytes: Uint8Array, from: number, to: number, lists: FactLists, at: number): boolean;
  /** Keys of steps in the order in which they were met; their numbers in the lists count from 1. */
  readonly steps: readonly string[];
}

/** How a row of the log begins in a trace. */
export const ROW_START = Buffer.from('{"table":"test_execution_logs","row":');
const levelTexts = LogLevel.options.map((level) => Buffer.from(`"${level}"`));
const contextTexts = contextNames.map((context) => Buffer.from(`"${context}"`));

/** Is this line a row of the log, as traces write them? */
export function isLogRow(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < ROW_START.length) return false;
  for (let at = ROW_START.length - 1; at >= 0; at -= 1) if (bytes[from + at] !== ROW_START[at]) return false;
  return true;
}

/** Of log rows of one run in a trace. */
export function traceFacts(runId: string): FactReader {
  const fields = fieldTable(['seq', 'timestamp', 'log_level', 'execution_context', 'step_key', 'test_run_id']);
  const run = Buffer.from(JSON.stringify(runId));
  const time = timeReader();
  const steps: string[] = [];
  const numbers = new Map<string, number>();
  let lastStep: Uint8Array = Buffer.alloc(0);
  let lastNumber = 0;

  const stepNumber = (bytes: Uint8Array, from: number, to: number): number => {
    if (isSame(bytes, from, to, lastStep)) return lastNumber;
    lastStep = bytes.slice(from, to);
    const key = JSON.parse(Buffer.from(lastStep).toString()) as string | null;
    if (key !== null && !numbers.has(key)) numbers.set(key, steps.push(key));
    lastNumber = key === null ? 0 : numbers.get(key)!;
    return lastNumber;
  };

  return {
    steps,
    read(bytes, from, to, lists, at) {
      const end = scanObject(bytes, from + ROW_START.length, to, fields);
      const [seq, timestamp, level, context, step, ofRun] = fields.from as unknown as [number, number, number, number, number, number];
      if (end === -1 || bytes[end] !== 0x7d || seq === -1 || timestamp === -1 || level === -1 || context === -1 || step === -1 || ofRun === -1) return false;
      if (!isSame(bytes, ofRun, fields.to[5]!, run)) return false;
      lists.seq[at] = wholeNumber(bytes, seq, fields.to[0]!);
      lists.time[at] = time(bytes, timestamp + 1, fields.to[1]! - 1);
      const rank = levelTexts.findIndex((text) => isSame(bytes, level, fields.to[2]!, text));
      const place = contextTexts.findIndex((text) => isSame(bytes, context, fields.to[3]!, text));
      lists.level[at] = rank;
      lists.context[at] = place;
      lists.step[at] = stepNumber(bytes, step, fields.to[4]!);
      return rank !== -1 && place !== -1 && lists.seq[at]! > 0 && !Number.isNaN(lists.time[at]!);
    },
  };
}

/** Spellings of levels that are remembered. */
const MOST_SPELLINGS = 1_000;

/** Of lines with one JSON object each, whoever logged them. Of what has no time the line before says it. */
export function logFacts(firstSeq: number, nowMs: number): FactReader {
  const fields = fieldTable([...logNames.level, ...logNames.time]);
  const levels = logNames.level.length;
  const time = timeReader();
  const ranks = new Map<string, number>();
  const server = contextNames.indexOf('server');
  let seq = firstSeq;
  let lastTime = nowMs;

  const valueOf = (bytes: Uint8Array, number: number): Json => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + fields.from[number]!, fields.to[number]! - fields.from[number]!).toString();
    try {
      return JSON.parse(text) as Json;
    } catch {
      return null;
    }
  };
  const rankAt = (bytes: Uint8Array, number: number): number => {
    const from = fields.from[number]!;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(64, fields.to[number]! - from)).toString('latin1');
    const known = ranks.get(text);
    if (known !== undefined) return known;
    const level = levelOf(valueOf(bytes, number));
    const rank = level === undefined ? -1 : levelRank(level);
    if (ranks.size < MOST_SPELLINGS) ranks.set(text, rank);
    return rank;
  };
  const timeAt = (bytes: Uint8Array, number: number): number => {
    const from = fields.from[number]!;
    const quick = bytes[from] === 0x22 ? time(bytes, from + 1, fields.to[number]! - 1) : Number.NaN;
    if (!Number.isNaN(quick)) return quick;
    const found = timeOf(valueOf(bytes, number));
    return found === undefined ? Number.NaN : Date.parse(found);
  };

  return {
    steps: [],
    read(bytes, from, to, lists, at) {
      const end = scanObject(bytes, skipSpace(bytes, from, to), to, fields);
      let rank = -1;
      let ms = Number.NaN;
      if (end !== -1) {
        for (let number = 0; number < levels && rank === -1; number += 1) if (fields.from[number] !== -1) rank = rankAt(bytes, number);
        for (let number = levels; number < fields.from.length && Number.isNaN(ms); number += 1) if (fields.from[number] !== -1) ms = timeAt(bytes, number);
      }
      if (!Number.isNaN(ms)) lastTime = ms;
      lists.seq[at] = seq;
      seq += 1;
      lists.time[at] = lastTime;
      lists.level[at] = rank === -1 ? levelRank('info') : rank;
      lists.context[at] = server;
      lists.step[at] = 0;
      return end !== -1;
    },
  };
}

function isSame(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let at = 0; at < text.length; at += 1) if (bytes[from + at] !== text[at]) return false;
  return true;
}

/** NaN for what is no whole number that is written in digits alone. */
function wholeNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = bytes[at]! - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
