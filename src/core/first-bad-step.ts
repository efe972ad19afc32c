import { z } from 'zod';

/** What one agent said or one step did, as far as it can be read. */
export interface SaidStep {
  readonly key: string;
  readonly name: string;
  readonly text: string;
  /** It failed by its own word: its status, or its log. */
  readonly failed?: boolean | undefined;
}

/** The step that probably went wrong first, and why we think so. */
export const Suspicion = z.object({
  key: z.string(),
  name: z.string(),
  /** Place in the list that was given, from 0. */
  index: z.int().nonnegative(),
  /** From 0 to 1, where nothing is above 0.9: it is a guess. */
  confidence: z.number(),
  /** Sentences for a person, the strongest first. */
  evidence: z.array(z.string()),
});
export type Suspicion = z.infer<typeof Suspicion>;

interface Clue {
  readonly index: number;
  readonly weight: number;
  readonly why: string;
}

/*
 * The weights order kinds of evidence by how directly they say that a step is wrong: making data up before saying that
 * it was found, before a result that looks wrong, before a failure that may have been put right.
 */
const weights = { invented: 4, inventedOn: 1.5, unsupported: 3, emptyResult: 2.5, failed: 2, doubted: 1.5, firstWork: 0.5 } as const;

/** Words of somebody who works with data that are not there. */
const inventing =
  /\b(?:simulat(?:e|ed|ing)|hypothetical(?:ly)?|for now|placeholder|dummy|mock(?:ed)? (?:data|up)|made[- ]up|fictitious|let'?s (?:assume|pretend|suppose|imagine)|assum(?:e|ing) (?:that )?(?:we|the following|a|there)|(?:sample|example) (?:data|dataset|values|numbers))\b/i;
/** A tool that says that it did not work. */
const failing = /\b(?:exit ?code:? *(?!0\b)\d+|execution failed|traceback \(most recent call last\)|unhandled (?:error|exception)|(?:error|exception): )/i;
/** A tool that worked, and found nothing. */
const findingNothing = /\b(?:no (?:results?|matches|data|such file|information|items?|records?)\b|not? (?:found|available|contain)|does not contain|none\b|empty\b|null\b|\b0 (?:results|rows|items|matches)|:\s*0\s*$|\[\]\s*$)/im;
const aTool = /terminal|executor|interpreter|tool|shell|runtime|environment|computer/i;
const codeBlock = /```[\s\S]*?(?:```|$)/g;
/** Says again what somebody else has to do, and does nothing of it. */
const isTask = /^(?:you are given|# ?task|task:|your task|please solve)\b/i;
/** Somebody finds that the step before cannot be right. */
const doubting = /\b(?:seems? (?:like )?(?:there was )?(?:an? )?(?:error|mistake|miscalculation)|incorrect(?:ly)?|improbable|implausible|not what (?:was|we) (?:asked|wanted)|did not return the (?:desired|expected)|wrong (?:file|paper|answer|result))\b/i;

/**
 * Which step of a conversation of agents, or of any run whose steps say something, probably went wrong first. A
 * heuristic over words and numbers; it knows nothing of what was asked. Undefined when nobody did anything.
 */
export function firstBadStep(steps: readonly SaidStep[]): Suspicion | undefined {
  const clues = cluesIn(steps);
  const suspects = new Map<number, Clue[]>();
  for (const clue of clues) suspects.set(clue.index, [...(suspects.get(clue.index) ?? []), clue]);
  const scored = [...suspects].map(([index, found]) => ({ index, found, score: found.reduce((sum, { weight }) => sum + weight, 0) }));
  // Of two alike the earlier one: what follows may follow from it.
  const [worst] = scored.toSorted((a, b) => b.score - a.score || a.index - b.index);
  if (worst === undefined) return undefined;
  const total = scored.reduce((sum, { score }) => sum + score, 0);
  const { key, name } = steps[worst.index]!;
  return {
    key,
    name,
    index: worst.index,
    confidence: Math.round(Math.min(0.9, (worst.score / (total + 1)) * Math.min(1, worst.score / weights.invented)) * 100) / 100,
    evidence: worst.found.toSorted((a, b) => b.weight - a.weight).map(({ why }) => why),
  };
}

function cluesIn(steps: readonly SaidStep[]): readonly Clue[] {
  const clues: Clue[] = [];
  const known = new Set<string>();
  let lastActor: number | undefined;
  let isFirst = true;
  let isInvented = false;
  for (const [index, { name, text, failed }] of steps.entries()) {
    const prose = text.replaceAll(codeBlock, ' ');
    const isTool = aTool.test(name);
    const task = index === 0 && isTask.test(text.trim());
    if (isTool) {
      const blamed = lastActor;
      const isNobodyAsked = /no code .{0,40}to execute/i.test(text);
      if (blamed !== undefined && !isNobodyAsked) {
        if (failing.test(text)) clues.push({ index: blamed, weight: weights.failed, why: `what it had executed failed in step ${index + 1}` });
        else if (findingNothing.test(text)) clues.push({ index: blamed, weight: weights.emptyResult, why: `what it had executed found nothing, in step ${index + 1}` });
      }
    } else {
      if (failed === true) clues.push({ index, weight: weights.failed, why: 'it failed' });
      const words = task ? null : inventing.exec(text);
      // Who goes on with what somebody has made up was not the first.
      if (words !== null) clues.push({ index, weight: isInvented ? weights.inventedOn : weights.invented, why: `it works with made-up data: “${words[0]}”` });
      isInvented ||= words !== null;
      const made = task ? [] : numbersIn(prose).filter((number) => !known.has(number));
      if (made.length > 0 && !/```/.test(text) && !saysItComputes(prose)) {
        clues.push({ index, weight: weights.unsupported, why: `it states ${made.slice(0, 3).join(', ')}, which nothing before it says` });
      } else if (made.length >= 2 && /\b(?:retrieved|the following are|according to|sold for|as follows)\b/i.test(prose)) {
        clues.push({ index, weight: weights.unsupported, why: `it states ${made.slice(0, 3).join(', ')} as found, which nothing before it says` });
      }
      if (lastActor !== undefined && doubting.test(prose)) clues.push({ index: lastActor, weight: weights.doubted, why: `step ${index + 1} doubts its result` });
      if (isFirst && (!task || /```/.test(text))) {
        clues.push({ index, weight: weights.firstWork, why: 'it is the first to work on the task, and the rest builds on it' });
        isFirst = false;
      }
      if (text.trim() !== '' && !/^terminate\.?$/i.test(text.trim())) lastActor = index;
    }
    for (const number of numbersIn(text)) known.add(number);
  }
  return clues;
}

/** Numbers of three digits and more, without years and without what separates their thousands. */
function numbersIn(text: string): readonly string[] {
  const found = text.match(/(?<![\w.])\d{1,3}(?:,\d{3})+(?![\w])|(?<![\w.])\d{3,}(?:\.\d+)?(?![\w])/g) ?? [];
  return [...new Set(found.map((number) => number.replaceAll(',', '')))].filter((number) => !/^(?:1[5-9]|20)\d\d$/.test(number));
}

/** A number that is worked out in front of the reader comes from what was there. */
const saysItComputes = (prose: string): boolean => /[=×*+÷]\s*[\\$(\d]|\bsqrt\b|\\frac|\btotal of\b/.test(prose);
