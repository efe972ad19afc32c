import { searchFrom } from './actions/log.ts';
import { formatBytes } from '../core/format.ts';
import { typeInto } from './actions/dialog.ts';
import { perform, performNamed } from './actions/perform.ts';
import { acceptHelp, rebindEntry } from './dialogs/help.ts';
import { keyLabel, typedText, type KeyName } from './input/key.ts';
import { bindingFor, keyOf } from './keymap.ts';
import type { Message } from './message.ts';
import { scanLog } from './model/log.ts';
import { searchLog } from './model/log-search.ts';
import { askForAnswers, followNews } from './screens/frame.ts';
import type { State } from './state.ts';
import { askForSnapshots, seekLine, seekStep } from './update/open-run.ts';
import { tellOthers } from './update/together.ts';
import { receive } from './update/receive.ts';
import { only, told, withLog, withRun, type Update } from './update/result.ts';

/** The next state of the program, and what is to be done outside. Pure: the time comes with the call. */
export function update(state: State, message: Message, now: number): Update {
  const first = handle({ ...state, now }, message);
  // Whatever the message was, the selected step or the screen on top may need something now.
  const sought = seekStep(first.state.open?.seekSeq === undefined ? first.state : withRun(first.state, (run) => seekLine(first.state, run)));
  const second = askForSnapshots(sought);
  const third = askForAnswers(second.state);
  const fourth = followNews(third.state);
  const all = { state: withoutStaleNotice(fourth.state), effects: [...first.effects, ...second.effects, ...third.effects, ...fourth.effects] };
  return tellOthers(state, all, message.type === 'key');
}

function handle(state: State, message: Message): Update {
  switch (message.type) {
    case 'key':
      // Only a Ctrl-c right after a Ctrl-c leaves the program.
      return andThen(press({ ...withoutSeeking(state), notice: undefined, interruptedAt: message.key === 'ctrl-c' ? state.interruptedAt : undefined }, message.key));
    case 'paste':
      return only(typesText(state) ? pasted(state, message) : told(state, 'There is no place for text here, so nothing was pasted.'));
    case 'resized':
      return only({ ...state, size: { columns: message.columns, rows: message.rows } });
    case 'ticked':
      return only(state);
    case 'scanned':
      return only(scanned(state));
    default:
      return receive(state, message);
  }
}

/** What was asked for by name comes after what was asked for by key. */
function andThen({ state, effects, action }: Update): Update {
  if (action === undefined) return { state, effects };
  const next = performNamed(state, action);
  return { state: next.state, effects: [...effects, ...next.effects] };
}

function pasted(state: State, { text, isCut }: Extract<Message, { type: 'paste' }>): State {
  const next = typeInto(state, text);
  return isCut ? told(next, `What was pasted was cut after ${formatBytes(text.length)}.`, 'warn') : next;
}

/** A search that is still under way moves nobody who has pressed another key since. */
function withoutSeeking(state: State): State {
  return state.open?.log.seeking === undefined ? state : withLog(state, (log) => ({ ...log, seeking: undefined }));
}

/** The next slice of what the filters and a search have not looked at. */
function scanned(state: State): State {
  const next = withRun(state, (run) => searchLog(scanLog(run)));
  const seeking = next.open?.log.seeking;
  return seeking === undefined ? next : searchFrom(next, seeking);
}

/** Nothing stays said that is over or no longer true. */
function withoutStaleNotice(state: State): State {
  const { notice } = state;
  if (!notice) return state;
  const { refusal } = notice;
  const isTrue = refusal === undefined || bindingFor(state, refusal.key)?.disabled?.(state) === refusal.why;
  return state.now < notice.until && isTrue ? state : { ...state, notice: undefined };
}

/** Does what a key means now, or says why it does nothing. */
function press(state: State, key: KeyName): Update {
  const binding = bindingFor(state, key);
  const text = typedText(key);
  if (!binding) {
    if (text !== undefined && typesText(state)) return only(typeInto(state, text));
    return only(state.overlays.length > 0 ? state : told(state, `${keyLabel(key)} means nothing here; ${keyOf(state, 'app.help') ?? ':help'} shows what does.`));
  }
  const help = state.overlays.at(-1);
  if (help?.type === 'help' && binding.action === 'dialog.accept') {
    return acceptHelp(state, help);
  }
  if (help?.type === 'help' && binding.action === 'dialog.rebind') return only(rebindEntry(state, help));
  return perform(state, binding, key);
}

/** Does text that is typed go anywhere? */
function typesText(state: State): boolean {
  const overlay = state.overlays.at(-1);
  return overlay !== undefined && ['prompt', 'help', 'newRun', 'bookmark', 'form', 'editor'].includes(overlay.type);
}
