import { saveBookmark } from '../dialogs/bookmark.ts';
import { acceptChoice, cancelChoice, moveChoice } from '../dialogs/choose.ts';
import { completeCommand } from '../dialogs/command.ts';
import { formatEditor, isChanged, saveEditor } from '../dialogs/editor.ts';
import { editField } from '../dialogs/form.ts';
import { forms } from '../dialogs/forms/table.ts';
import { refreshNewRun, requestOf as newRunRequest } from '../dialogs/new-run.ts';
import { nextEffects, requestOf as forkRequest } from '../dialogs/preview.ts';
import { acceptPrompt, cancelPrompt, promptTyped } from '../dialogs/prompt.ts';
import { recall, withTyped } from '../dialogs/typed-before.ts';
import { keyLabel, type KeyName } from '../input/key.ts';
import { dialogRows } from '../layout.ts';
import type { Bookmark, Editor, Form, Help, NewRun, Overlay, Prompt } from '../overlay.ts';
import type { State } from '../state.ts';
import { graphemes } from '../graphemes.ts';
import { eraseAfter, eraseBefore, eraseRest, insert, move, newLine, textArea, textOf, type Motion } from '../text-area.ts';
import { closeOverlay, only, replaceOverlay, told, type Action, type Update } from '../update/result.ts';
import { send } from './control.ts';

/** Text typed or pasted into the dialog on top; dialogs without a place for text ignore it. */
export function typeInto(state: State, text: string): State {
  const overlay = state.overlays.at(-1);
  switch (overlay?.type) {
    case 'prompt': {
      const typed = text.replaceAll('\n', ' ');
      return promptTyped(state, { ...overlay, text: overlay.text.slice(0, overlay.at) + typed + overlay.text.slice(overlay.at), at: overlay.at + typed.length, recalled: undefined });
    }
    case 'help':
      return replaceOverlay(state, { ...overlay, query: overlay.query + text.replaceAll('\n', ' '), cursor: 0 });
    case 'newRun':
    case 'bookmark':
    case 'form':
      return changeField(state, overlay, { type: 'insert', text });
    case 'editor':
      return replaceOverlay(state, { ...overlay, area: insert(overlay.area, text), problem: undefined, leaving: false });
    default:
      return state;
  }
}

function changeField(state: State, form: NewRun | Bookmark | Form, change: Parameters<typeof editField>[1]): State {
  const fields = form.fields.map((field, index) => (index === form.cursor ? editField(field, change) : field));
  const next = { ...form, fields, problem: undefined };
  if (next.type === 'newRun') return replaceOverlay(state, refreshNewRun(state, next));
  return replaceOverlay(state, next.type === 'form' ? (forms[next.purpose.kind].refresh?.(state, next) ?? next) : next);
}

/** Does what a form asks for; it stays open until that is done. */
function acceptForm(state: State, form: Form): Update {
  if (form.sent) return only(state);
  const accepted = forms[form.purpose.kind].accept(state, form);
  if ('form' in accepted) return only(replaceOverlay(state, accepted.form));
  if ('command' in accepted) return send(closeOverlay(state), accepted.command.verb, accepted.command.payload);
  return only(replaceOverlay(state, { ...form, sent: true, problem: undefined }), { type: 'write', write: accepted.write });
}

/** One editing key, for whichever dialog is on top. */
function editing(keys: {
  readonly prompt: (prompt: Prompt) => Prompt;
  readonly help: (help: Help) => Help;
  readonly field: Parameters<typeof editField>[1] | undefined;
  readonly editor: (editor: Editor) => Editor;
}): Action {
  return (state) => {
    const overlay = state.overlays.at(-1);
    switch (overlay?.type) {
      case 'prompt': {
        const next = { ...keys.prompt(overlay), recalled: undefined };
        return only(next.text === overlay.text ? replaceOverlay(state, next) : promptTyped(state, next));
      }
      case 'help':
        return only(replaceOverlay(state, keys.help(overlay)));
      case 'newRun':
      case 'bookmark':
      case 'form':
        return only(keys.field ? changeField(state, overlay, keys.field) : state);
      case 'editor':
        return only(replaceOverlay(state, { ...keys.editor(overlay), leaving: false }));
      default:
        return only(state);
    }
  };
}

const inEditor = (change: (editor: Editor) => Editor): Action => (state) => {
  const overlay = state.overlays.at(-1);
  return only(overlay?.type === 'editor' ? replaceOverlay(state, { ...change(overlay), leaving: false }) : state);
};
const moved = (motion: Motion) => (editor: Editor): Editor => ({ ...editor, area: move(editor.area, motion) });
const times = (motion: Motion, count: number) => (editor: Editor): Editor => ({ ...editor, area: Array.from({ length: count }).reduce<Editor['area']>((area) => move(area, motion), editor.area) });

function lastLength(text: string): number {
  return graphemes(text).at(-1)?.length ?? 0;
}

/** Moves the cursor of a list, or scrolls a text. */
function moveBy(rows: (state: State) => number): Action {
  return (state) => {
    const overlay = state.overlays.at(-1);
    if (!overlay) return only(state);
    const by = rows(state);
    switch (overlay.type) {
      case 'newRun':
      case 'bookmark':
      case 'form':
        return only(replaceOverlay(state, { ...overlay, cursor: (overlay.cursor + by + overlay.fields.length) % overlay.fields.length }));
      case 'help':
        return only(replaceOverlay(state, { ...overlay, cursor: Math.max(0, overlay.cursor + by) }));
      case 'prompt':
        return only(recall(state, overlay, by));
      case 'choose':
        return only(moveChoice(state, overlay, by));
      default:
        return only(state);
    }
  };
}

export const dialogActions = {
  'dialog.close': (state) => {
    const overlay = state.overlays.at(-1);
    if (overlay?.type === 'prompt') return only(cancelPrompt(state, overlay));
    if (overlay?.type === 'choose') return only(cancelChoice(state, overlay));
    if (overlay?.type === 'editor' && !overlay.leaving && isChanged(overlay)) {
      return only(replaceOverlay(state, { ...overlay, leaving: true, problem: 'The changes are not saved: Ctrl-x saves, Esc again drops them.' }));
    }
    return only(closeOverlay(state));
  },
  'dialog.accept': (state) => {
    const overlay = state.overlays.at(-1);
    switch (overlay?.type) {
      case 'prompt':
        return acceptPrompt(withTyped(state, overlay), overlay);
      case 'newRun': {
        const asked = newRunRequest(overlay);
        if ('form' in asked) return only(replaceOverlay(state, asked.form));
        return only({ ...state, home: { ...state.home, starting: true } }, { type: 'start', request: asked.request });
      }
      case 'bookmark':
        return only(closeOverlay(state), saveBookmark(overlay));
      case 'form':
        return acceptForm(state, overlay);
      case 'confirm':
        return only(closeOverlay(state), ...overlay.effects);
      case 'preview': {
        return only(replaceOverlay(state, { ...overlay, sent: true, problem: undefined }), { type: 'start', request: forkRequest(state, overlay) });
      }
      case 'choose':
        return acceptChoice(state, overlay);
      case 'leave':
        return only(state, { type: 'exit' });
      default:
        return only(state);
    }
  },
  'dialog.down': moveBy(() => 1),
  'dialog.up': moveBy(() => -1),
  'dialog.pageDown': moveBy((state) => dialogRows(state) - 1),
  'dialog.pageUp': moveBy((state) => 1 - dialogRows(state)),
  // What it does is for the help alone, and stands with it.
  'dialog.rebind': (state) => only(state),
  'dialog.complete': (state) => {
    const overlay = state.overlays.at(-1);
    if (overlay?.type !== 'prompt' || overlay.purpose !== 'command') return only(state);
    const text = completeCommand(state, overlay.text);
    return only(replaceOverlay(state, { ...overlay, text, at: text.length }));
  },
  'dialog.erase': editing({
    prompt: (one) => {
      const cut = one.at - lastLength(one.text.slice(0, one.at));
      return { ...one, text: one.text.slice(0, cut) + one.text.slice(one.at), at: cut };
    },
    help: (one) => ({ ...one, query: one.query.slice(0, one.query.length - lastLength(one.query)), cursor: 0 }),
    field: { type: 'erase' },
    editor: (one) => ({ ...one, area: eraseBefore(one.area), problem: undefined }),
  }),
  'dialog.eraseAfter': editing({
    prompt: (one) => ({ ...one, text: one.text.slice(0, one.at) + graphemes(one.text.slice(one.at)).slice(1).join('') }),
    help: (one) => one,
    field: undefined,
    editor: (one) => ({ ...one, area: eraseAfter(one.area), problem: undefined }),
  }),
  'dialog.left': editing({ prompt: (one) => ({ ...one, at: one.at - lastLength(one.text.slice(0, one.at)) }), help: (one) => one, field: { type: 'previous' }, editor: moved('left') }),
  'dialog.right': editing({ prompt: (one) => ({ ...one, at: one.at + (graphemes(one.text.slice(one.at))[0]?.length ?? 0) }), help: (one) => one, field: { type: 'next' }, editor: moved('right') }),
  'dialog.start': editing({ prompt: (one) => ({ ...one, at: 0 }), help: (one) => one, field: undefined, editor: moved('start') }),
  'dialog.end': editing({ prompt: (one) => ({ ...one, at: one.text.length }), help: (one) => one, field: undefined, editor: moved('end') }),
  'dialog.eraseAll': editing({ prompt: (one) => ({ ...one, text: '', at: 0 }), help: (one) => ({ ...one, query: '', cursor: 0 }), field: { type: 'clear' }, editor: (one) => one }),

  'editor.save': (state) => {
    const overlay = state.overlays.at(-1);
    return overlay?.type === 'editor' ? saveEditor(state, overlay) : only(state);
  },
  'editor.outside': (state) => {
    const overlay = state.overlays.at(-1);
    return overlay?.type === 'editor' ? only(state, { type: 'editOutside', text: textOf(overlay.area), stepKey: overlay.stepKey }) : only(state);
  },
  'editor.newLine': inEditor((editor) => ({ ...editor, area: newLine(editor.area), problem: undefined })),
  'editor.down': inEditor(moved('down')),
  'editor.up': inEditor(moved('up')),
  'editor.pageDown': inEditor(times('down', 15)),
  'editor.pageUp': inEditor(times('up', 15)),
  'editor.eraseRest': inEditor((editor) => ({ ...editor, area: eraseRest(editor.area), problem: undefined })),
  'editor.indent': inEditor((editor) => ({ ...editor, area: insert(editor.area, '  ') })),
  'editor.format': inEditor(formatEditor),
  'editor.revert': inEditor((editor) => ({ ...editor, area: textArea(JSON.stringify(editor.original, null, 2)), problem: undefined })),
  'preview.mode': preview((overlay) => ({ ...overlay, mode: overlay.mode === 'auto' ? 'step' : 'auto' })),
  'preview.accept': preview((overlay) => ({ ...overlay, effects: nextEffects(overlay), problem: undefined })),
} satisfies Record<string, Action>;

function preview(change: (overlay: Extract<Overlay, { type: 'preview' }>) => Overlay): Action {
  return (state) => {
    const overlay = state.overlays.at(-1);
    return only(overlay?.type === 'preview' ? replaceOverlay(state, change(overlay)) : state);
  };
}

/** Says why a key does nothing, over what is shown. */
export function refused(state: State, key: KeyName, why: string): State {
  const next = told(state, `${keyLabel(key)} does nothing now: ${why}.`, 'warn');
  return { ...next, notice: { ...next.notice!, refusal: { key, why } } };
}
