import { setSetting } from '../dialogs/set-setting.ts';
import { withSettings } from '../settings.ts';
import { viewAt } from '../../core/playback.ts';
import type { LogLines } from '../../core/log-lines.ts';
import { applyChanges, withLines, type RunView } from '../../core/run-view.ts';
import { plural, shortId } from '../../core/format.ts';
import type { LinkState } from '../../client/backend.ts';
import type { CommandRow, CommandVerb, RunRow } from '../../protocol/rows.ts';
import type { Effect } from '../effect.ts';
import { withForkFacts } from '../dialogs/preview.ts';
import { openEditor } from '../dialogs/editor.ts';
import type { ListRows, Message } from '../message.ts';
import { isBehind } from '../model/detail.ts';
import { placeOfReader, scanLog } from '../model/log.ts';
import { logNews } from '../model/log-notes.ts';
import { selectedStep, stepsOf } from '../model/steps.ts';
import type { AnswerTo } from '../outside/questions.ts';
import { withAnswer, withNews, withoutAnswers } from '../screens/frame.ts';
import { textArea } from '../text-area.ts';
import type { LinkAt, Lists, OpenRun, State } from '../state.ts';
import { followRun, openRun, openRunAt } from './open-run.ts';
import { joined, withPeers } from './together.ts';
import { answered, withoutKept } from './pending.ts';
import { LASTING_MS, only, replaceOverlay, told, withRun, type Update } from './result.ts';

type Received = Exclude<Message, { readonly type: 'key' | 'paste' | 'resized' | 'ticked' | 'scanned' }>;

/** Takes in what the backend or the world outside says. */
export function receive(state: State, message: Received): Update {
  switch (message.type) {
    case 'progressed':
      return only(state.session.phase === 'connecting' ? { ...state, session: { ...state.session, progress: message.text } } : state);
    case 'connected': {
      const ready: State = { ...state, together: undefined, following: undefined, session: { phase: 'ready', url: message.url, identity: message.identity } };
      // After a session that ended: the run that was open goes on where it was.
      if (state.open) return only(ready, { type: 'follow', runId: state.open.runId });
      return only(ready, ...(state.initialRun === undefined ? [] : [{ type: 'find' as const, reference: state.initialRun }]));
    }
    case 'connectFailed':
      return only({ ...state, session: { phase: 'failed', message: message.message, hint: message.hint, code: message.code } });
    case 'listed':
      return only(withListed(state, message.rows));
    case 'listLink':
      return only({ ...state, lists: { ...state.lists, link: linkAt(state.lists.link, message.link, state.now) } });
    case 'modelsLoaded': {
      const next = { ...state, lists: { ...state.lists, models: message.models } };
      return only(next);
    }
    case 'found':
      return message.step === undefined ? openRun(state, message.run.test_run_id) : openRunAt(state, message.run.test_run_id, message.step);
    case 'changed':
      return only(withLogNews(state, ifOpen(state, message.runId, (run) => withChanges(message.reading ? { ...run, reading: message.reading } : run, message.changes, message.lines))));
    case 'runLink':
      return only(ifOpen(state, message.runId, (run) => ({ ...run, link: linkAt(run.link, message.link, state.now) })));
    case 'started': {
      const next = { ...withListed(state, { runs: [message.run] }), home: { ...state.home, starting: false } };
      return openRun(next, message.run.test_run_id);
    }
    case 'startFailed':
      return only(startFailed({ ...state, home: { ...state.home, starting: false } }, message.message));
    case 'commanded':
      return only(commanded(state, message.command), ...leaseEffects(state, message.command));
    case 'commandFailed':
      return only(told(ifOpen(state, message.runId, (run) => withoutEdit(answered(run, { verb: message.verb, state: 'refused' }), message.verb)), message.message, 'error'));
    case 'snapshotLoaded':
      return snapshotLoaded(state, message);
    case 'highlighted':
      return only(ifOpen(state, message.runId, (run) => {
        const loaded = run.snapshots[message.snapshot];
        return loaded ? { ...run, snapshots: { ...run.snapshots, [message.snapshot]: { ...loaded, highlighted: message.lines } } } : run;
      }));
    case 'annotated': {
      const { run } = message;
      const words = run.bookmarked ? `Bookmarked ${run.bookmark_name ?? shortId(run.test_run_id)}${run.tags.length > 0 ? `, tagged ${run.tags.join(', ')}` : ''}.` : 'The bookmark is off; name, tags and notes are kept.';
      return only(told(withListed(state, { runs: [run] }), words));
    }
    case 'editedOutside': {
      const overlay = state.overlays.at(-1);
      if (overlay?.type !== 'editor' || overlay.stepKey !== message.stepKey) return only(state);
      return only(replaceOverlay(state, { ...overlay, area: message.text === undefined ? overlay.area : textArea(message.text.replace(/\n$/, '')), problem: message.problem }));
    }
    case 'answered':
      return only(withAnswer('answer' in message.outcome && message.question.kind === 'fork' ? withForkFacts(state, message.question, message.outcome.answer as AnswerTo<'fork'>) : state, message.question, message.outcome));
    case 'heard':
      return only(withNews(state, message.news));
    case 'searched':
      return only(searched(state, message));
    case 'commented':
      return only(ifOpen(state, message.runId, (run) => ({ ...run, comments: message.comments })));
    case 'bookmarked':
      return only(ifOpen(state, message.runId, (run) => ({ ...run, bookmarks: message.bookmarks })));
    case 'leased':
      return only(ifOpen(state, message.runId, (run) => ({ ...run, heldBy: message.pause })));
    case 'sessionJoined':
      return joined(state, message.session);
    case 'sessionPeers':
      return withPeers(state, message.peers);
    case 'sessionLeft':
      return only(told({ ...state, together: undefined }, message.why, 'info', LASTING_MS));
    case 'written': {
      const top = state.overlays.at(-1);
      const closed = top?.type === 'form' && top.sent ? { ...state, overlays: state.overlays.slice(0, -1) } : state;
      return only(told(withoutAnswers(message.written.rows ? withListed(closed, message.written.rows) : closed, message.written.outdated ?? []), message.written.text));
    }
    case 'notWritten': {
      const top = state.overlays.at(-1);
      return only(top?.type === 'form' && top.sent ? replaceOverlay(state, { ...top, sent: false, problem: message.problem }) : told(state, message.problem, 'error'));
    }
    case 'themesRead':
      return themesRead(state, message);
    case 'measured':
      return only({ ...state, lineUse: message.use });
    case 'told':
      return only(told(state, message.text, message.tone, LASTING_MS));
  }
}

/** The themes as their files are now, and the one that was asked for. */
function themesRead(state: State, { themes, choose }: Extract<Message, { type: 'themesRead' }>): Update {
  const known = withSettings(state, { ...state.settings, themes });
  return setSetting(known, 'theme', choose);
}

/** Runs that the backend has found by the filter that is set. */
function searched(state: State, { filter, runs, searched: count, isAll }: Extract<Message, { type: 'searched' }>): State {
  const listed = withListed(state, { runs });
  if (listed.home.filter !== filter) return listed;
  const next = { ...listed, home: { ...listed.home, found: { filter, ids: new Set(runs.map((run) => run.test_run_id)) } } };
  return isAll ? next : told(next, `The newest runs that pass, of ${plural(count, 'run')} looked at. \`stepscope runs --limit\` shows more.`, 'info', LASTING_MS);
}

/** The run's answer to what it was told. */
function commanded(state: State, command: CommandRow): State {
  const { verb, payload } = command;
  const isRefused = command.state === 'refused';
  const next = ifOpen(state, command.test_run_id, (run) => (isRefused ? withoutEdit(answered(run, command), verb) : answered(run, command)));
  if (isRefused) return told(next, `The run refused to ${verbWords[verb]}: ${command.reason ?? 'no reason was given'}.`, 'error');
  if (next.open?.runId !== command.test_run_id) return told(next, `Run ${shortId(command.test_run_id)} ${doneWords[verb]}.`);
  const steps = stepsOf(next.open.view);
  const named = steps.find((step) => step.key === payload.step);
  if (verb === 'edit' && named) return told(next, `Saved: step ${named.display} runs with these inputs.`);
  return verb === 'pause' && named ? told(next, `The run holds before ${named.display} ${named.name}.`) : next;
}

/** Verbs after which a run stands still, or will, because of us. */
const holding: ReadonlySet<CommandVerb> = new Set(['pause', 'next', 'stepIn', 'stepOut', 'runTo']);

/** A pause that we asked for is ours while this terminal lives; a run that was let go is nobody's. */
function leaseEffects(state: State, { verb, state: outcome, test_run_id: runId }: CommandRow): readonly Effect[] {
  if (outcome !== 'done' || state.recording !== undefined) return [];
  if (holding.has(verb)) return [{ type: 'keepLease', runId, take: false }];
  return verb === 'continue' || verb === 'cancel' ? [{ type: 'releaseLease', runId }] : [];
}

/** An edit that was not taken leaves what was read as it was. */
function withoutEdit(run: OpenRun, verb: CommandVerb): OpenRun {
  if (verb !== 'edit') return run;
  return { ...run, snapshots: Object.fromEntries(Object.entries(run.snapshots).map(([key, loaded]) => [key, { ...loaded, editedAfter: undefined }])) };
}

const verbWords = {
  pause: 'pause', continue: 'continue', next: 'step', stepIn: 'step in', stepOut: 'step out', runTo: 'run to that step', cancel: 'cancel',
  edit: 'take the edit', lease: 'renew its pause', take: 'change hands', approve: 'take the approval', reject: 'take the rejection',
} as const;

/** What a run does that was told from afar. */
const doneWords = {
  pause: 'pauses', continue: 'resumes', next: 'steps', stepIn: 'steps in', stepOut: 'steps out', runTo: 'runs on to that step', cancel: 'is cancelled',
  edit: 'took the edit', lease: 'renewed its pause', take: 'is yours', approve: 'is approved', reject: 'is rejected',
} as const;

function linkAt(before: LinkAt, link: LinkState, now: number): LinkAt {
  return { ...link, at: now, lostAt: link.state === 'live' ? undefined : link.state === 'lost' ? (before.lostAt ?? now) : before.lostAt };
}

function ifOpen(state: State, runId: string, change: (run: OpenRun) => OpenRun): State {
  return state.open?.runId === runId ? withRun(state, change) : state;
}

/** Says once what a reader of the log does not see from its lines. */
function withLogNews(before: State, state: State): State {
  const news = before.open && state.open && logNews(before.open, state.open);
  return news === undefined ? state : told(state, news, 'warn', LASTING_MS);
}

function withChanges(run: OpenRun, changes: Parameters<typeof applyChanges>[1], lines: LogLines | undefined): OpenRun {
  const changed = (before: RunView): RunView => applyChanges(lines ? withLines(before, lines) : before, changes);
  if (run.playback) {
    const recorded = changed(run.playback.recorded);
    return recorded === run.playback.recorded ? run : scanLog({ ...run, playback: { ...run.playback, recorded }, view: viewAt(recorded, run.playback.at) });
  }
  // A row that comes late may land above the reader, whose lines stay where they are.
  const reading = run.log.reading ?? placeOfReader(run);
  const view = changed(run.view);
  if (view === run.view) return run;
  const log = view.logs.edition === run.log.edition ? run.log : { ...run.log, reading };
  return followRun(scanLog(withoutKept({ ...run, view, log })));
}

function snapshotLoaded(state: State, message: Extract<Message, { type: 'snapshotLoaded' }>): Update {
  const loaded = state.open?.runId === message.runId ? state.open.snapshots[message.key] : undefined;
  if (!loaded) return only(state);
  const { snapshot, problem } = message;
  const next = ifOpen(state, message.runId, (run) => ({
    ...run,
    snapshots: { ...run.snapshots, [message.key]: { ...loaded, reading: false, state: problem ? 'failed' : snapshot ? 'ready' : 'missing', snapshot: snapshot ?? loaded.snapshot, problem } },
  }));
  const source = snapshot?.source;
  if (!source || loaded.highlighted) return only(edited(next, message.key));
  return only(edited(next, message.key), { type: 'highlight', runId: message.runId, snapshot: message.key, code: source.code, filePath: source.filePath });
}

/** Opens the editor that waited for this snapshot, unless something else has the keyboard by now. */
function edited(state: State, key: string): State {
  if (state.open?.editWhenRead !== key || isBehind(state.open.snapshots[key]!)) return state;
  const next = withRun({ ...state, notice: undefined }, (run) => ({ ...run, editWhenRead: undefined }));
  const { snapshot, problem } = next.open!.snapshots[key]!;
  const step = selectedStep(next.open!);
  if (!snapshot || !step) return told(next, `The inputs were not recorded${problem ? `: ${problem}` : '.'}`, 'warn');
  return state.overlays.length > 0 ? next : openEditor(next, step, snapshot);
}

/** Says it in the dialog that asked, where there is one. */
function startFailed(state: State, message: string): State {
  const overlay = state.overlays.at(-1);
  if (overlay?.type === 'preview') return replaceOverlay(state, { ...overlay, sent: false, problem: message });
  if (overlay?.type === 'newRun') return replaceOverlay(state, { ...overlay, problem: message });
  return told(state, message, 'error');
}

function withListed(state: State, rows: ListRows): State {
  const { lists } = state;
  const removed = rows.removed;
  const gone = new Set(removed?.ids);
  const merge = <Row>(known: readonly Row[], fresh: readonly Row[] | undefined, id: (row: Row) => string, table: string): readonly Row[] => {
    if (!fresh && removed?.table !== table) return known;
    const merged = new Map(known.map((row) => [id(row), row]));
    for (const row of fresh ?? []) merged.set(id(row), row);
    if (removed?.table === table) for (const key of gone) merged.delete(key);
    return [...merged.values()];
  };

  const runs = rows.runs || removed?.table === 'test_execution_runs'
    ? newestFirst(merge(lists.runs ?? [], newer(lists.runs ?? [], rows.runs), (run) => run.test_run_id, 'test_execution_runs').filter((run) => !gone.has(run.id)))
    : lists.runs;
  const next: Lists = {
    ...lists,
    runs,
    pipelines: merge(lists.pipelines, rows.pipelines, (one) => one.pipeline_key, 'pipelines'),
    breakpoints: merge(lists.breakpoints, rows.breakpoints, (one) => one.id, 'breakpoints'),
    watches: merge(lists.watches, rows.watches, (one) => one.id, 'watches'),
    runners: merge(lists.runners, rows.runners, (one) => one.id, 'runners'),
  };
  return { ...state, lists: next };
}

/** Of one run the higher `seq` stands, as everywhere. */
function newer(known: readonly RunRow[], fresh: readonly RunRow[] | undefined): readonly RunRow[] | undefined {
  if (!fresh) return undefined;
  const seqs = new Map(known.map((run) => [run.test_run_id, run.seq]));
  return fresh.filter((run) => run.seq >= (seqs.get(run.test_run_id) ?? -1));
}

function newestFirst(runs: readonly RunRow[]): readonly RunRow[] {
  return runs.toSorted((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : -1));
}
