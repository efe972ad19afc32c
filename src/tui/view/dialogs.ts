import { shortId } from '../../core/format.ts';
import { commandPreview } from '../dialogs/command.ts';
import { promptProblem } from '../dialogs/prompt.ts';
import { dialogRows, MESSAGE_ROWS, scrolled } from '../layout.ts';
import { jumpTarget } from '../model/log-jump.ts';
import { filterCount, rowAt } from '../model/log.ts';
import { chooseLines } from './choose-lines.ts';
import { helpLines } from './help-lines.ts';
import { previewLines } from './preview-lines.ts';
import { formatMoment } from './times.ts';
import { clip, fit, line, span, takeCells, widthOf, wrap, wrapUpTo, type Line } from '../output/line.ts';
import type { Bookmark, Confirm, CopyMenu, Editor, Form, Leave, NewRun, Overlay, Prompt } from '../overlay.ts';
import type { State } from '../state.ts';
import { graphemes } from '../graphemes.ts';
import { definitionOf } from '../screens/frame.ts';
import { shownScreen } from '../screens/screen.ts';

/** A dialog that takes the screen between header and footer. */
export interface DialogView {
  readonly title: string;
  readonly lines: readonly Line[];
}

/** The dialog on top, drawn; undefined for a prompt, which stands in the footer, and where there is none. */
export function dialogView(state: State): DialogView | undefined {
  const overlay = state.overlays.at(-1);
  return overlay === undefined || overlay.type === 'prompt' ? undefined : viewOf(state, overlay);
}

function viewOf(state: State, overlay: Exclude<Overlay, Prompt>): DialogView {
  switch (overlay.type) {
    case 'help':
      return { title: 'Help: what keys do here', lines: helpLines(state, overlay) };
    case 'newRun':
      return { title: 'New run', lines: formLines(state, overlay) };
    case 'bookmark':
      return { title: `Bookmark run ${shortId(overlay.runId)}`, lines: formLines(state, overlay) };
    case 'editor':
      return { title: overlay.title, lines: editorLines(state, overlay) };
    case 'preview':
      return { title: overlay.stepKey === undefined ? 'Run again' : 'Rerun from here', lines: previewLines(state, overlay) };
    case 'form':
      return { title: overlay.title, lines: formLines(state, overlay) };
    case 'confirm':
      return { title: overlay.title, lines: confirmLines(state, overlay) };
    case 'copy':
      return { title: 'Copy', lines: copyLines(overlay) };
    case 'choose':
      return { title: overlay.title, lines: chooseLines(state, overlay) };
    case 'leave':
      return { title: 'Leave', lines: leaveLines(overlay) };
  }
}

function formLines(state: State, form: NewRun | Bookmark | Form): readonly Line[] {
  const width = Math.max(...form.fields.map((field) => widthOf(field.label))) + 1;
  const rows = form.fields.flatMap((field, index): readonly Line[] => {
    const here = index === form.cursor;
    const room = Math.max(10, state.size.columns - width - 8);
    // What is typed shows its end, where the cursor is; a choice its beginning.
    const typed = widthOf(field.value) > room ? `${state.glyphs.more}${graphemes(field.value).slice(-(room - 2)).join('')}` : field.value;
    const shown = field.choices ? clip(field.value, room, state.glyphs.more) : typed;
    const value: Line = field.choices
      ? [span(here ? '< ' : '  ', 'key'), span(shown, here ? 'selection' : 'text'), span(here ? ' >' : '', 'key')]
      : [span('  '), span(shown, here ? 'selection' : 'text'), ...(here ? [span(' ', undefined, { inverse: true })] : [])];
    // What a model is and costs is worth seeing while choosing something else.
    const note = field.problem ?? (here || field.name === '$model' ? field.hint : undefined);
    const fits = note !== undefined && !note.includes('\n') && widthOf(shown) + widthOf(note) + width + 10 <= state.size.columns;
    return [
      [span(here ? ` ${state.glyphs.cursor} ` : '   ', 'accent'), span(fit(field.label, width), 'muted'), ...value, ...(note && fits ? [span(`  ${note}`, field.problem ? 'error' : 'muted')] : [])],
      ...(note && !fits
        ? wrap(note, state.size.columns - width - 6).map((text): Line => [span(' '.repeat(width + 5)), span(text, field.problem ? 'error' : 'muted')])
        : []),
    ];
  });
  const about = form.problem !== undefined ? wrap(form.problem, state.size.columns - 3).map((text): Line => [span(` ${text}`, 'error')]) : form.type === 'form' && form.sent ? [line(' Saving…', 'muted')] : [];
  const height = dialogRows(state) - (about.length > 0 ? about.length + 1 : 0);
  const at = rows.findIndex((row) => row[0]?.text.includes(state.glyphs.cursor) && row[0].token === 'accent');
  const top = scrolled(Math.max(0, at - height + 2), Math.max(0, at), height, rows.length);
  return [...rows.slice(top, top + height), ...(about.length > 0 ? [[], ...about] : [])];
}

function editorLines(state: State, editor: Editor): readonly Line[] {
  const { area } = editor;
  const problem = editor.problem ? wrap(editor.problem, state.size.columns - 4).slice(0, 3) : [];
  const height = Math.max(1, dialogRows(state) - problem.length);
  const top = scrolled(Math.max(0, area.row - height + 3), area.row, height, area.lines.length);
  const digits = String(area.lines.length).length;
  const room = state.size.columns - digits - 4;
  const rows = area.lines.slice(top, top + height).map((text, index): Line => {
    const number = top + index;
    const here = number === area.row;
    const head: Line = [span(` ${String(number + 1).padStart(digits)} `, here ? 'accent' : 'muted'), span(' ')];
    if (!here) return [...head, ...jsonText(clip(text, room, state.glyphs.more))];
    const characters = graphemes(text);
    // The cursor stays in sight on a long line.
    const before = characters.slice(0, area.column).join('');
    const from = widthOf(before) > room - 2 ? before.length - takeCells(graphemes(before).toReversed().join(''), room - 4).length : 0;
    return [...head, span(before.slice(from)), span(characters[area.column] ?? ' ', undefined, { inverse: true }), span(characters.slice(area.column + 1).join(''))];
  });
  return [...rows, ...Array.from({ length: Math.max(0, height - rows.length) }, (): Line => []), ...problem.map((text) => line(` ${text}`, editor.leaving ? 'warn' : 'error'))];
}

/** Keys, strings and numbers of one line of JSON, apart enough to be read. */
function jsonText(text: string): Line {
  return [...text.matchAll(/("(?:[^"\\]|\\.)*"\s*:)|("(?:[^"\\]|\\.)*"?)|(-?\d[\d.eE+-]*|true|false|null)|([^"\d]+?(?="|\d|-|true|false|null|$)|.)/g)].map(
    ([whole, key, string, number]) => span(whole, key ? 'jsonKey' : string ? 'string' : number ? 'number' : 'muted'),
  );
}

function copyLines(_menu: CopyMenu): readonly Line[] {
  const entry = (key: string, text: string): Line => [span(`   ${key}`, 'key'), span(`  ${text}`)];
  return [
    line(' Copies through the terminal (OSC 52), over SSH and tmux too, where the terminal allows it.', 'muted'),
    [],
    entry('l', 'the selected line'), entry('j', 'the selected value as JSON'), entry('p', 'its path'), entry('r', 'the id of the run'), entry('u', 'the command that shows this run'),
  ];
}

function confirmLines(state: State, overlay: Confirm): readonly Line[] {
  return [
    ...overlay.text.flatMap((text, index) => wrap(text, state.size.columns - 2).map((one) => line(` ${one}`, index === 0 ? 'text' : 'muted'))),
    [],
    [span(' Enter', 'key'), span(' does it, '), span('Esc', 'key'), span(' leaves everything as it is.')],
  ];
}

function leaveLines(overlay: Leave): readonly Line[] {
  const many = overlay.runIds.length > 1;
  return [
    line(` ${many ? 'Runs' : 'Run'} ${overlay.runIds.map(shortId).join(', ')} ${many ? 'are' : 'is'} held because you paused ${many ? 'them' : 'it'}.`),
    line(' Nobody needs to stay: a held run waits until someone resumes it, or its pause ends.', 'muted'),
    [],
    [span(' Enter', 'key'), span(' leaves, '), span('Esc', 'key'), span(' stays.')],
  ];
}

/** What stands before the text of a prompt. */
export function promptLabel(state: State, purpose: Prompt['purpose']): string {
  const run = state.open;
  const labels = { search: '/', note: `${state.glyphs.bookmark} note: `, jump: 'go to: ', filter: 'filter: ', command: ':', cancel: `cancel ${run ? `${run.view.run?.pipeline_key ?? 'run'} ` : ''}? type ${run ? shortId(run.runId) : ''}: ` };
  return labels[purpose];
}

/** The prompt in the footer, and the row above it that says what it would do. */
export function promptLines(state: State, prompt: Prompt): readonly Line[] {
  return [
    ...aboutPrompt(state, prompt),
    [span(` ${promptLabel(state, prompt.purpose)}`, prompt.purpose === 'cancel' ? 'warn' : 'key'), ...typedSpans(state, prompt)],
  ];
}

/** The text with its cursor; a word that is wrong stands out, and the row above says why. */
function typedSpans(state: State, { text, at, purpose }: Prompt): Line {
  const wrong = purpose === 'command' ? commandPreview(state, text).wrong : undefined;
  const characters = graphemes(text.slice(at));
  const pieces: readonly (readonly [number, string])[] = [[0, text.slice(0, at)], [at + (characters[0]?.length ?? 0), characters.slice(1).join('')]];
  const marked = pieces.map(([start, piece]): Line => {
    if (wrong === undefined) return [span(piece)];
    const from = Math.max(0, Math.min(piece.length, wrong.from - start));
    const to = Math.max(from, Math.min(piece.length, wrong.to - start));
    return [span(piece.slice(0, from)), span(piece.slice(from, to), 'failed'), span(piece.slice(to))];
  });
  return [...marked[0]!, span(characters[0] ?? ' ', undefined, { inverse: true }), ...marked[1]!];
}

/** What the prompt would do, or what is wrong with its text: in one row, or as many as a problem needs. */
function aboutPrompt(state: State, prompt: Prompt): readonly Line[] {
  const problem = promptProblem(state, prompt);
  if (prompt.purpose === 'command') {
    const { text, tone } = commandPreview(state, prompt.text);
    // What could follow is one row; what would be done, or is wrong, is said whole.
    return tone === 'muted' ? [line(` ${text}`, tone)] : wrapUpTo(text, state.size.columns - 2, MESSAGE_ROWS, state.glyphs.more).map((row) => line(` ${row}`, tone));
  }
  return problem ? wrapUpTo(problem, state.size.columns - 2, MESSAGE_ROWS, state.glyphs.more).map((text) => line(` ${text}`, 'error')) : [previewLine(state, prompt, prompt.purpose)];
}

function previewLine(state: State, prompt: Prompt, purpose: Exclude<Prompt['purpose'], 'command'>): Line {
  switch (purpose) {
    case 'filter': {
      const own = shownScreen(state);
      if (own) return definitionOf(own).filter?.about(state, own) ?? [];
      if (!state.open) return [span(' words  status=failed  tag=NAME  model=flux*  since=2d  duration>30s  step=8e  bookmarked', 'muted')];
      return [span(` ${filterCount(state.open)}`, 'accent'), span('   level>=warn  context=webhook  step=8.*  "words"  -not', 'muted')];
    }
    case 'note':
      return [span(` Enter marks the line${prompt.text.trim() === '' ? ' without a note' : ''}, Esc leaves it as it is.`, 'muted')];
    case 'jump':
      return jumpPreview(state, prompt);
    case 'search':
      return [span(prompt.before === '' ? ' Type words; Enter goes to the next line that has them.' : ` Enter on nothing searches "${prompt.before}" again.`, 'muted')];
    case 'cancel':
      return prompt.problem ? [span(` ${prompt.problem}`, 'warn')] : [span(' The step in flight is stopped; what was stored stays. Esc leaves the run alone.', 'muted')];
  }
}

/** Where a jump would lead. */
function jumpPreview(state: State, { text }: Prompt): Line {
  if (text.trim() === '') return [span(' a time: 14:03  14:03:07.2  +12s  +1m30s    a step: 8e    a line: #1200', 'muted')];
  const run = state.open!;
  const { place, words } = jumpTarget(run, text);
  const row = rowAt(run, place)!;
  return [span(` ${words}`, 'accent'), span(`  ${formatMoment(row.timestamp, state.timeFormat, run.view.run?.started_at ?? null, state.now)} `, 'muted'), span(row.message, 'muted')];
}
