import type { StepSnapshot } from '../../client/backend.ts';
import { formatBytes } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import { openRunOf } from '../dialogs/commands/references.ts';
import { loadedSnapshot } from '../model/detail.ts';
import { selectedStep } from '../model/steps.ts';
import { clip, line, lineWidth, span, wrap, type Line } from '../output/line.ts';
import type { AnswerTo, Question } from '../outside/questions.ts';
import type { PictureAt } from '../outside/pictures.ts';
import { asciiShades, cellsWithin, halfBlocks } from '../pictures/as-text.ts';
import { findPictures, type PictureSource } from '../pictures/find.ts';
import type { Cells } from '../pictures/sequences.ts';
import { pictureStyles, shownStyle, type PictureStyle } from '../pictures/style.ts';
import type { State } from '../state.ts';
import { only, told, type Update } from '../update/result.ts';
import { answerTo, newScreen, on, problemOf, questionKey, shownScreen, withOwn, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** The pictures that the values of a step speak of, one at a time. */
export interface PictureState extends ScreenBase {
  readonly name: 'picture';
  readonly runId: string;
  readonly step: { readonly key: string; readonly attempt: number; readonly display: string; readonly name: string };
  /** Undefined while the step is still being read; empty when no value of it leads to a picture. */
  readonly sources: readonly PictureSource[] | undefined;
  readonly index: number;
  /** Addresses outside of the backend that a person has said may be asked. */
  readonly allowed: readonly string[];
}

/** Facts stand beside a picture from this width on, and above it otherwise. */
const WIDE = 100;
const FACT_CELLS = 34;
const FACT_ROWS = 3;
/** Header, the row about how things stand, footer, and one for a prompt: a picture stays where it is while something is typed. */
const AROUND = 4;

/** Answers kept: pictures in sizes that the screen had are worth little. */
const KEPT_ANSWERS = 6;

/** Opens the pictures of the selected step, at `first` when an address is given; says why when there are none. */
export function openPictures(state: State, first?: string): Update {
  const run = state.open;
  const step = run && selectedStep(run);
  const loaded = run && step ? loadedSnapshot(run, step) : undefined;
  if (!run || !step?.row) return only(told(state, 'Select a step that has begun.'));
  const isWaiting = loaded?.state === 'loading' && !run.playback;
  if (!isWaiting && !loaded?.snapshot) return only(told(state, loaded?.state === 'loading' ? 'The step is still being read.' : `Nothing was recorded for ${step.display} ${step.name}.`));
  const sources = isWaiting ? undefined : sourcesIn(loaded!.snapshot!);
  if (sources?.length === 0) return only(told(state, noPicture(step)));
  const { row } = step;
  const index = Math.max(0, (sources ?? []).findIndex((one) => one.address === first));
  return only(withScreen(state, { ...newScreen, name: 'picture', runId: run.runId, step: { key: row.step_key, attempt: row.attempt, display: step.display, name: step.name }, sources, index, allowed: [] }));
}

function sourcesIn({ outputs, inputs, stateAfter }: Pick<StepSnapshot, 'outputs' | 'inputs' | 'stateAfter'>): readonly PictureSource[] {
  return findPictures({ outputs, inputs, stateAfter } as Readonly<Record<string, Json | null>>);
}

const noPicture = ({ display, name }: { readonly display: string; readonly name: string }): string => `No value of ${display} ${name} is the address of a picture.`;

const snapshotQuestion = ({ runId, step }: PictureState) => ({ kind: 'snapshot', runId, stepKey: step.key, attempt: step.attempt }) as const;

/** Whether a value leads here. */
export function isPicture(value: Json): value is string {
  return typeof value === 'string' && findPictures({ value }).length > 0;
}

const shownSource = (own: PictureState): PictureSource | undefined => own.sources?.[own.index];

function atOf(own: PictureState, { kind, address, place }: PictureSource): PictureAt {
  return kind === 'data' ? { kind, runId: own.runId, stepKey: own.step.key, attempt: own.step.attempt, place } : { kind, address };
}

/** The cells a picture may take, whatever else the screen has to say. */
function roomOf(state: State): Cells & { readonly isWide: boolean } {
  const isWide = state.size.columns >= WIDE;
  const columns = state.size.columns - 1 - (isWide ? FACT_CELLS : 0);
  return { isWide, columns: Math.max(4, columns), rows: Math.max(2, state.size.rows - AROUND - (isWide ? 0 : FACT_ROWS)) };
}

function pictureQuestion(state: State, own: PictureState, source: PictureSource): Extract<Question, { kind: 'picture' }> {
  const { columns, rows } = roomOf(state);
  return { kind: 'picture', at: atOf(own, source), style: shownStyle(state), room: { columns, rows } };
}

/** An address that is not the backend's: asking it tells somebody that we look. */
function needsLeave(state: State, own: PictureState): boolean {
  const { kind, address } = shownSource(own) ?? { kind: undefined, address: '' };
  if (kind !== 'url' || own.allowed.includes(address)) return false;
  return state.session.phase !== 'ready' || URL.parse(address)?.origin !== URL.parse(state.session.url)?.origin;
}

/** The answer for this size, else the last for this picture: it is scaled until the right one is there. */
function shownAnswer(state: State, own: PictureState): AnswerTo<'picture'> | undefined {
  const source = shownSource(own);
  if (!source) return undefined;
  const exact = answerTo(own, pictureQuestion(state, own, source));
  if (exact) return exact;
  const begin = questionKey({ kind: 'picture', at: atOf(own, source) } as Question).slice(0, -1);
  const other = Object.entries(own.answers).findLast(([key, one]) => key.startsWith(begin) && one.state === 'ready')?.[1];
  return other?.state === 'ready' ? (other.answer as AnswerTo<'picture'>) : undefined;
}

/** A picture that the terminal draws, with the cells of the screen it covers; undefined where it is text, or not there yet. */
export function terminalPicture(state: State, own: PictureState): { readonly id: string; readonly row: number; readonly column: number; readonly bytes: string; readonly cells: Cells } | undefined {
  const source = shownSource(own);
  if (!source) return undefined;
  const question = pictureQuestion(state, own, source);
  const sequence = answerTo(own, question)?.sequence;
  const { isWide } = roomOf(state);
  // Where not all rows fit, they scroll, and the terminal's picture would not.
  if (!sequence || own.top > 0 || sequence.cells.rows + AROUND + (isWide ? 0 : FACT_ROWS) > state.size.rows) return undefined;
  return { id: questionKey(question), row: 2 + (isWide ? 0 : FACT_ROWS), column: 1 + (isWide ? FACT_CELLS : 0), bytes: sequence.bytes, cells: sequence.cells };
}

function pictureLines(state: State, own: PictureState): readonly Line[] {
  const answer = shownAnswer(state, own);
  if (!answer?.pixels || state.settings.values.screenReader) return [];
  const cells = cellsWithin(answer, roomOf(state));
  return shownStyle(state) === 'ascii' ? asciiShades(answer.pixels, cells) : halfBlocks(answer.pixels, cells);
}

function rows(state: State, own: PictureState, columns: number): readonly ScreenRow[] {
  const source = shownSource(own);
  if (!source) return [];
  const picture = pictureLines(state, own);
  const { isWide, rows: height } = roomOf(state);
  if (!isWide) {
    const facts = narrowFacts(state, own, source, columns);
    return [...Array.from({ length: FACT_ROWS }, (_, index): ScreenRow => ({ line: facts[index] ?? [] })), ...picture.map((one): ScreenRow => ({ line: one }))];
  }
  const facts = wideFacts(state, own, source);
  return Array.from({ length: Math.max(facts.length, Math.min(height, picture.length)) }, (_, index): ScreenRow => {
    const fact = facts[index] ?? [];
    const beside = picture[index];
    return { line: beside ? [...fact, span(' '.repeat(Math.max(0, FACT_CELLS - lineWidth(fact)))), ...beside] : fact };
  });
}

const styleWords: Readonly<Record<PictureStyle, string>> = {
  kitty: "the terminal's graphics (kitty)", iterm: 'an inline image (iTerm2)', sixel: 'sixel graphics', blocks: 'half blocks', ascii: 'shades of text',
};

function wideFacts(state: State, own: PictureState, source: PictureSource): readonly Line[] {
  const answer = shownAnswer(state, own);
  const fact = (name: string, value: string): readonly Line[] => [[span(` ${name}`, 'muted')], ...wrap(value, FACT_CELLS - 4).slice(0, 6).map((one) => line(`   ${one}`)), []];
  return [
    ...(answer ? fact('picture', `${answer.width}×${answer.height} pixels, ${answer.format}${answer.hasTransparency ? ', transparent in parts' : ''}`) : []),
    ...(answer ? fact('file', formatBytes(answer.bytes)) : []),
    ...(answer ? fact('SHA-256', answer.sha256) : []),
    ...fact('lies in', whereWords(source)),
    ...fact('value', source.place),
    ...fact('shown as', styleWords[shownStyle(state)]),
  ];
}

/** `512×512 PNG, 238 KB`, the address, and how it is shown. */
function narrowFacts(state: State, own: PictureState, source: PictureSource, columns: number): readonly Line[] {
  const answer = shownAnswer(state, own);
  const words = answer ? ` ${answer.width}×${answer.height} pixels, ${answer.format}, ${formatBytes(answer.bytes)}` : '';
  return [
    [span(words), span(answer ? `  SHA-256 ${answer.sha256.slice(0, 16)}` : '', 'muted')],
    [span(` ${clip(whereWords(source), columns - 2, state.glyphs.more)}`, 'muted')],
    [span(answer ? ` as ${styleWords[shownStyle(state)]}` : '', 'muted')],
  ];
}

function whereWords({ kind, address }: PictureSource): string {
  return kind === 'storage' ? `the storage, ${address}` : kind === 'data' ? 'the value itself (a data URL)' : address;
}

function about(state: State, own: PictureState): Line {
  const { sources = [], index, step } = own;
  const source = shownSource(own);
  if (!source) {
    const failed = problemOf(own, snapshotQuestion(own)) ?? (own.sources && noPicture(step));
    return failed === undefined ? line(` Reading ${step.display} ${step.name}…`, 'muted') : [span(` ${state.glyphs.status.failed} ${failed}`, 'error')];
  }
  const place: Line = [span(` ${sources.length > 1 ? `${index + 1} of ${sources.length}: ` : ''}${source.place} of ${step.display} ${step.name}`, 'muted')];
  const problem = problemOf(own, pictureQuestion(state, own, source));
  if (problem !== undefined) return [span(` ${state.glyphs.status.failed} ${problem}`, 'error')];
  if (needsLeave(state, own)) return [span(` It lies at ${URL.parse(source.address)?.host ?? source.address}, not in the backend. Enter loads it.`, 'warn')];
  return shownAnswer(state, own) ? place : [...place, span('  Loading…', 'muted')];
}

const nothingYet = 'There is no picture here yet.';

const turn = (by: 1 | -1) =>
  on('picture', (state, own) => {
    const { sources = [] } = own;
    const index = own.index + by;
    if (sources.length === 0) return only(told(state, nothingYet));
    if (index < 0 || index >= sources.length) return only(told(state, sources.length === 1 ? 'This is the only picture.' : by === 1 ? 'This is the last picture.' : 'This is the first picture.'));
    return only(withOwn(state, { ...own, index, cursor: 0, top: 0 }));
  });

/** The pictures of a step that has been read meanwhile. */
function readSources(own: PictureState): readonly PictureSource[] | undefined {
  const snapshot = answerTo(own, snapshotQuestion(own));
  return snapshot === undefined ? undefined : snapshot === null ? [] : sourcesIn(snapshot);
}

const isAsking = (state: State): boolean => {
  const own = shownScreen(state);
  return own?.name === 'picture' && needsLeave(state, own);
};

export const pictureScreen: Screen<PictureState> = {
  title: (_state, own) => `picture of ${own.step.display} ${own.step.name}`,
  about,
  rows,
  wants: (state, own) => {
    // One at a time: while a window is dragged there are many sizes, and only the last one matters.
    const isLoading = Object.entries(own.answers).some(([key, one]) => one.state === 'asked' && key.startsWith('{"kind":"picture"'));
    const source = shownSource(own);
    if (!source) return own.sources ? [] : [snapshotQuestion(own)];
    return isLoading || needsLeave(state, own) ? [] : [pictureQuestion(state, own, source)];
  },
  settled: (_state, own) => ({ ...own, sources: own.sources ?? readSources(own), answers: Object.fromEntries(Object.entries(own.answers).slice(-KEPT_ANSWERS)) }),
  stops: 'picture',
  keys: [
    { action: 'picture.load', keys: ['enter'], place: 'picture', label: 'load it', help: 'Load a picture from an address outside of the backend.', footer: 1, footerWhen: isAsking, disabled: (state) => (isAsking(state) ? undefined : 'it is loaded without being asked for') },
    { action: 'picture.next', keys: [']'], place: 'picture', label: 'next', help: 'The next picture of the step.', footer: 2 },
    { action: 'picture.previous', keys: ['['], place: 'picture', label: 'previous', help: 'The previous picture of the step.', footer: 3 },
    { action: 'picture.copy', keys: ['y'], place: 'picture', label: 'copy address', help: 'Copy where the picture lies.', footer: 4 },
    { action: 'picture.write', keys: ['Y'], place: 'picture', label: 'write file', help: 'Write the file of the picture as it is, and say where.', footer: 5 },
  ],
  actions: {
    'picture.load': on('picture', (state, own) => only(withOwn(state, { ...own, allowed: [...own.allowed, shownSource(own)?.address ?? ''] }))),
    'picture.next': turn(1),
    'picture.previous': turn(-1),
    'picture.copy': on('picture', (state, own) => {
      const source = shownSource(own);
      if (!source) return only(told(state, nothingYet));
      const { kind, address, place } = source;
      return only(state, { type: 'copy', text: kind === 'data' ? place : address, what: kind === 'data' ? 'place of the value' : 'address' });
    }),
    'picture.write': on('picture', (state, own) => {
      if (needsLeave(state, own)) return only(told(state, 'Enter loads it first: it lies outside of the backend.'));
      const source = shownSource(own);
      if (!source) return only(told(state, nothingYet));
      const name = source.kind === 'data' ? 'picture' : (URL.parse(source.address, 'file:///')?.pathname.split('/').at(-1) ?? '');
      return only(told(state, 'Writing…'), { type: 'write', write: { kind: 'picture', at: atOf(own, source), name: /^[\w.-]{1,80}$/.test(name) && !name.startsWith('.') ? `stepscope-${name}` : 'stepscope-picture' } });
    }),
  },
  commands: {
    picture: {
      usage: 'picture [STYLE]', help: `the pictures of the selected step; STYLE is how the terminal draws them: ${pictureStyles.join(', ')}, auto`, plain: () => [...pictureStyles, 'auto'],
      run: (state, { plain: [word] }) => {
        if (word === undefined) {
          openRunOf(state);
          return openPictures(state);
        }
        const style = pictureStyles.find((one) => one === word);
        if (!style && word !== 'auto') throw new UserError('usage', `no way to draw called "${word}"`, { hint: `There are ${pictureStyles.join(', ')}, and auto` });
        const next: State = { ...state, pictures: { ...state.pictures, chosen: style } };
        return only(told(next, `Pictures are drawn as ${styleWords[shownStyle(next)]}.`));
      },
    },
  },
};
