import type { Backend } from '../../client/backend.ts';
import type { BreakpointDraft } from '../../core/breakpoint-draft.ts';
import type { Question } from './questions.ts';
import { writePicture, type PictureAt } from './pictures.ts';
import { saveComparison } from './comparisons.ts';
import type { ListRows } from '../message.ts';
import { sentence } from '../model/sentence.ts';

/** What became of something written: words for a person, and rows that are there at once, before they are announced. */
export interface Written {
  readonly text: string;
  readonly rows?: ListRows | undefined;
  /** Kinds of questions that have another answer now. */
  readonly outdated?: readonly Question['kind'][] | undefined;
}

/** All that a breakpoint is but its pipeline. */
export type BreakpointFields = Omit<BreakpointDraft, 'pipelineKey'>;

/**
 * What dialogs and screens write, by kind; the counterpart of `questions.ts`. While it is under way the form that
 * asked stays open, so that nothing typed is lost when it is refused.
 */
const writes = {
  /** `doubts` are said with the answer: what was asked for can be stored, and may not be what was meant. */
  addBreakpoint: async (backend: Backend, { pipelineKey, fields, doubts = [] }: { readonly pipelineKey: string; readonly fields: BreakpointFields; readonly doubts?: readonly string[] }): Promise<Written> => {
    const row = await backend.addBreakpoint({ pipelineKey, ...fields });
    return { text: [`Breakpoint #${row.number} is set.`, ...doubts.map((doubt) => sentence(doubt))].join(' '), rows: { breakpoints: [row] } };
  },
  changeBreakpoint: async (backend: Backend, { id, fields }: { readonly id: string; readonly fields: BreakpointFields }): Promise<Written> => {
    await backend.setBreakpoint(id, fields);
    return { text: 'The breakpoint is changed, for runs under way as well.' };
  },
  addWatch: async (backend: Backend, { pipelineKey, expression }: { readonly pipelineKey: string; readonly expression: string }): Promise<Written> => {
    const row = await backend.addWatch(pipelineKey, expression);
    return { text: `Watching ${expression}.`, rows: { watches: [row] } };
  },
  removeWatch: async (backend: Backend, { id }: { readonly id: string }): Promise<Written> => {
    await backend.removeWatch(id);
    return { text: 'The watch is removed.', rows: { removed: { table: 'watches', ids: [id] } } };
  },
  /** The file of a picture, as it is. */
  picture: async (backend: Backend, { at, name }: { readonly at: PictureAt; readonly name: string }): Promise<Written> => ({ text: `Wrote the picture to ${await writePicture(backend, at, name)}` }),
  /** Keeps a run as a regression test. */
  promote: async (backend: Backend, { runId }: { readonly runId: string }): Promise<Written> => {
    const test = await backend.promote(runId);
    return { text: `Kept as the test ${test.test_name}: its inputs, and that it ends as this run did.` };
  },
  comment: async (backend: Backend, { runId, stepKey, body }: { readonly runId: string; readonly stepKey: string | undefined; readonly body: string }): Promise<Written> => {
    await backend.addComment({ runId, stepKey, body });
    return { text: 'Said.' };
  },
  /** Marks a line of a log, or gives its mark another note. */
  markLine: async (backend: Backend, { runId, seq, note }: { readonly runId: string; readonly seq: number; readonly note: string }): Promise<Written> => {
    const mark = await backend.markLine(runId, seq, note);
    return { text: mark.note === '' ? 'The line is marked.' : 'The line is marked, with the note.' };
  },
  unmarkLine: async (backend: Backend, { runId, seq }: { readonly runId: string; readonly seq: number }): Promise<Written> => {
    await backend.unmarkLine(runId, seq);
    return { text: 'The mark is removed.' };
  },
  saveComparison: async (backend: Backend, { name, runIds, ignoreVolatile }: { readonly name: string; readonly runIds: readonly string[]; readonly ignoreVolatile: boolean }): Promise<Written> => {
    await saveComparison(backend, name, runIds, ignoreVolatile);
    return { text: `The comparison is kept as "${name}"; \`:comparisons\` has it.`, outdated: ['comparisons'] };
  },
  removeComparison: async (backend: Backend, { id }: { readonly id: string }): Promise<Written> => {
    await backend.removeComparison(id);
    return { text: 'The comparison is removed.', outdated: ['comparisons'] };
  },
  /** For everybody who is in it. */
  endSession: async (backend: Backend, { id }: { readonly id: string }): Promise<Written> => {
    const { session_name } = await backend.endSession(id);
    return { text: `The session "${session_name}" has ended, for everybody.` };
  },
};

type Writes = typeof writes;

/** Something to write, with all that it takes. */
export type Write = { readonly [Kind in keyof Writes]: { readonly kind: Kind } & Parameters<Writes[Kind]>[1] }[keyof Writes];

/** Tells the backend. Throws what it throws. */
export function write(backend: Backend, what: Write): Promise<Written> {
  return (writes[what.kind] as (backend: Backend, what: Write) => Promise<Written>)(backend, what);
}
