import type { StepRow } from '../../protocol/rows.ts';

/** What of a step tells whether another one is the same by another name. Made once for each step: they are compared in pairs. */
export interface StepTraits {
  readonly name: Uint16Array;
  readonly key: Uint16Array;
  readonly display: string;
  readonly place: string;
  readonly source: Uint16Array | undefined;
  readonly fields: Uint16Array | undefined;
}

/** What is known of a step beside its row, when its values have been read. */
export interface StepHints {
  readonly source?: string | undefined;
  /** Keys of inputs and outputs. */
  readonly fields?: readonly string[] | undefined;
}

/** Steps less alike than this are not the same. */
export const LEAST_LIKENESS = 0.6;
/** Of name, key, source and fields, one must be this much alike: a word in common, as in load_model and store_model, is not enough. */
const LEAST_EVIDENCE = 0.55;
/** Of a source text, this much is looked at. */
const SOURCE_CHARACTERS = 4_000;

/** Code this much alike has stayed, but for names in it: then other names of its step say less. */
const SAME_SOURCE = 0.8;

const weights = { name: 4, key: 3, display: 1, place: 1, position: 1, source: 5, fields: 2 } as const;

export function traitsOf(step: StepRow, hints: StepHints = {}): StepTraits {
  return {
    name: pairs(step.step_name.toLowerCase()),
    key: pairs(ownKey(step).toLowerCase()),
    display: step.display,
    place: `${step.execution_context} ${step.function_name ?? ''} ${step.file_path ?? ''} ${step.effect}`,
    source: hints.source === undefined ? undefined : pairs(hints.source.slice(0, SOURCE_CHARACTERS).replaceAll(/\s+/g, ' ')),
    fields: hints.fields === undefined || hints.fields.length === 0 ? undefined : Uint16Array.from(new Set(hints.fields.map(small))).sort(),
  };
}

/** The last part of a step's key, under its parent's. */
export function ownKey(step: Pick<StepRow, 'step_key' | 'parent_step_key'>): string {
  const parent = step.parent_step_key;
  return parent !== null && step.step_key.startsWith(`${parent}.`) ? step.step_key.slice(parent.length + 1) : step.step_key;
}

/**
 * How alike two steps are, from 0 to 1: name, key, source, fields of inputs and outputs, what people call it, where
 * it runs, and how near their places are (`positionGap`, from 0 to 1). 0 unless name, key, source or fields say so:
 * that two steps stand at one place is no reason to take one for the other.
 */
export function likeness(a: StepTraits, b: StepTraits, positionGap: number): number {
  const name = overlap(a.name, b.name);
  const key = overlap(a.key, b.key);
  const source = a.source === undefined || b.source === undefined ? undefined : overlap(a.source, b.source);
  const fields = a.fields === undefined || b.fields === undefined ? undefined : overlap(a.fields, b.fields);
  if (Math.max(name, key, source ?? 0, (fields ?? 0) * 0.8) < LEAST_EVIDENCE) return 0;
  let sum = weights.position * (1 - positionGap);
  let all: number = weights.position + weights.display + weights.place;
  if (a.display === b.display) sum += weights.display;
  if (a.place === b.place) sum += weights.place;
  // A rename often touches only one of both: the better one counts in full, the other by half.
  const [better, other] = name >= key ? [weights.name * name, (weights.key / 2) * key] : [weights.key * key, (weights.name / 2) * name];
  const naming = (source ?? 0) >= SAME_SOURCE && (fields ?? 1) >= LEAST_EVIDENCE ? 0.5 : 1;
  sum += (better + other) * naming;
  all += (name >= key ? weights.name + weights.key / 2 : weights.key + weights.name / 2) * naming;
  if (source !== undefined) {
    sum += weights.source * source;
    all += weights.source;
  }
  if (fields !== undefined) {
    sum += weights.fields * fields;
    all += weights.fields;
  }
  return sum / all;
}

/** Neighbouring characters, as sorted numbers without repetition. */
function pairs(text: string): Uint16Array {
  const found = new Set<number>();
  for (let i = 0; i + 1 < text.length; i++) found.add((text.charCodeAt(i) * 257 + text.charCodeAt(i + 1)) & 0xff_ff);
  if (text.length === 1) found.add(text.charCodeAt(0));
  return Uint16Array.from(found).sort();
}

function small(text: string): number {
  let sum = text.length;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) & 0xff_ff;
  return sum;
}

/** Dice's coefficient of two sorted sets. */
function overlap(a: Uint16Array, b: Uint16Array): number {
  if (a.length + b.length === 0) return 0;
  let [i, j, both] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    const [left, right] = [a[i]!, b[j]!];
    if (left === right) both++;
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return (2 * both) / (a.length + b.length);
}
