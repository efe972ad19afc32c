import type { Backend } from '../../client/backend.ts';
import { runInformation } from './information.ts';
import { shownPicture } from './pictures.ts';
import { earlierTimes, judgedTimes, profileOf } from './times.ts';
import { watchedValues } from './watched.ts';
import { comparisonOf, differencesOf, divergenceOf, judgedComparison } from './comparisons.ts';

/** Comparisons that a list shows. */
const KEPT_COMPARISONS = 200;

/**
 * What screens ask a backend, by kind. An answer is plain data; the screen that asked keeps it, see
 * `screens/screen.ts`.
 */
const questions = {
  /** Runs beside each other, by their rows alone. The first is what the others are compared with. */
  comparison: (backend: Backend, { runIds }: { readonly runIds: readonly string[] }) => comparisonOf(backend, runIds),
  /** The same with times judged by those of earlier runs; takes longer. */
  judgedComparison: (backend: Backend, { runIds }: { readonly runIds: readonly string[] }) => judgedComparison(backend, runIds),
  /** Where the run at index `other` first went another way. */
  divergence: (backend: Backend, { runIds, other, ignoreVolatile }: { readonly runIds: readonly string[]; readonly other: number; readonly ignoreVolatile: boolean }) =>
    divergenceOf(backend, runIds, other, ignoreVolatile),
  /** How the values of one step differ, by its index in the comparison. */
  differences: (backend: Backend, { runIds, index, other, ignoreVolatile }: { readonly runIds: readonly string[]; readonly index: number; readonly other: number; readonly ignoreVolatile: boolean }) =>
    differencesOf(backend, runIds, index, other, ignoreVolatile),
  /** The comparisons that were kept, newest first. */
  comparisons: (backend: Backend, _none: object) => backend.comparisons({ limit: KEPT_COMPARISONS }),
  /** Lines of all runs, older than the one with this id; oldest first. */
  olderLogs: (backend: Backend, { before }: { readonly before: string }) => backend.recentLogs({ before }),
  /** What is known of a run beside its steps. */
  information: (backend: Backend, { runId }: { readonly runId: string }) => runInformation(backend, runId),
  /** The run, what it was made from, and what was made from these. */
  family: (backend: Backend, { runId }: { readonly runId: string }) => backend.family(runId),
  /** Where the time of a run went. */
  profile: (backend: Backend, { runId }: { readonly runId: string }) => profileOf(backend, runId),
  /** What earlier runs say about that. */
  judgedTimes: (backend: Backend, { runId }: { readonly runId: string }) => judgedTimes(backend, runId),
  /** How long steps took in earlier runs. */
  earlierTimes: (backend: Backend, { runId }: { readonly runId: string }) => earlierTimes(backend, runId),
  /** When a run waited for others. `ended` is how many steps had ended by then: another number asks again. */
  waits: (backend: Backend, { runId }: { readonly runId: string; readonly ended: number }) => backend.waits(runId),
  /** A picture that a value speaks of, in a size and a form. */
  picture: (backend: Backend, question: Parameters<typeof shownPicture>[1]) => shownPicture(backend, question),
  /** What was recorded of a step; null when nothing was. */
  snapshot: async (backend: Backend, { runId, stepKey, attempt }: { readonly runId: string; readonly stepKey: string; readonly attempt: number }) => (await backend.snapshot(runId, stepKey, attempt)) ?? null,
  /** What an expression was at every step. */
  watched: (backend: Backend, { runId, expression }: { readonly runId: string; readonly expression: string }) => watchedValues(backend, runId, expression),
  /** What a fork from a step would mean. */
  fork: (backend: Backend, { runId, stepKey }: { readonly runId: string; readonly stepKey: string }) => backend.previewFork(runId, stepKey),
};

type Questions = typeof questions;

/** A question with all that it is about. Two that are equal are one. */
export type Question = { readonly [Kind in keyof Questions]: { readonly kind: Kind } & Parameters<Questions[Kind]>[1] }[keyof Questions];

export type AnswerTo<Kind extends Question['kind']> = Awaited<ReturnType<Questions[Kind]>>;
export type Answer = AnswerTo<Question['kind']>;

/** Asks the backend. Throws what it throws. */
export function ask(backend: Backend, question: Question): Promise<Answer> {
  const asked = questions[question.kind] as (backend: Backend, question: Question) => Promise<Answer>;
  return asked(backend, question);
}
