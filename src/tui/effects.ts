import type { Backend, LeaseHandle, Unsubscribe } from '../client/backend.ts';
import type { SessionHandle } from '../client/debug-sessions.ts';
import type { PauseSender } from '../core/command-rules.ts';
import { plural, shortId } from '../core/format.ts';
import { parseRunFilter } from '../core/run-filter.ts';
import type { SettingChange } from '../core/terminal-settings.ts';
import type { DebugSessionRow, LeaseRow } from '../protocol/debug-rows.ts';
import { UserError } from '../protocol/error.ts';
import type { ErrorCode } from '../protocol/error.ts';
import type { Effect } from './effect.ts';
import type { Message } from './message.ts';
import { snapshotKey } from './model/detail.ts';
import { copySequence, isInTmux, MAX_COPY_BYTES } from './output/clipboard.ts';
import type { KnownTheme } from './output/themes.ts';
import { highlightLines } from './output/highlight.ts';
import { sentence } from './model/sentence.ts';
import { editInEditor } from './outside/editor.ts';
import { writeFresh } from './outside/files.ts';
import { followNews } from './outside/followings.ts';
import { runLines } from './outside/run-lines.ts';

/** Runs that a filter brings into the list. */
const FOUND_RUNS = 200;

/** The terminal, as far as effects touch it. */
interface TerminalHandle {
  /** Hands the terminal to `work`, and takes it back with a whole repaint. */
  suspended(work: () => Promise<void>): Promise<void>;
  repaint(): void;
  /** False when the terminal takes nothing, and too much waits for it already. */
  write(bytes: string): boolean;
  exit(): void;
}

export interface Surroundings {
  /** `onEnded` is called when the session has ended, and the backend answers nothing any more. */
  readonly connect: (onProgress: (text: string) => void, onEnded: (why: UserError) => void) => Promise<Backend>;
  readonly dispatch: (message: Message) => void;
  readonly terminal: TerminalHandle;
  /** The settings of the next start. What cannot be done is a `UserError`. */
  readonly settings: { save(change: SettingChange): void; readThemes(): readonly KnownTheme[]; readonly logLines: number };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A bug: what to do with anything thrown that is not for a person to act on. */
  readonly onBug: (error: unknown) => void;
}

export interface Performer {
  perform(effect: Effect): void;
  close(): Promise<void>;
}

/** Does what updates ask for. The only place in which the terminal program touches a backend, files or processes. */
export function createPerformer({ connect, dispatch, terminal, settings, environment, onBug }: Surroundings): Performer {
  let backend: Backend | undefined;
  let stopRun: Unsubscribe | undefined;
  let stopComments: Unsubscribe | undefined;
  let stopBookmarks: Unsubscribe | undefined;
  let stopLease: Unsubscribe | undefined;
  let stopLists: Unsubscribe | undefined;
  let stopNews: Unsubscribe | undefined;
  let session: SessionHandle | undefined;
  const lines = runLines(settings.logLines);
  const leases = new Map<string, LeaseHandle>();
  let closed = false;

  /** Runs a task; what it throws for a person becomes the message that `refuse` makes of it. */
  const attempt = (task: () => Promise<void>, refuse: (text: string, hint: string | undefined, code: ErrorCode) => Message = (text, hint) => ({ type: 'told', text: sentence(text, hint), tone: 'error' })) => {
    void task().catch((error: unknown) => {
      if (closed) return;
      if (error instanceof UserError) dispatch(refuse(error.message, error.hint, error.code));
      else onBug(error);
    });
  };
  const connected = (): Backend => {
    if (!backend) throw new UserError('unavailable', 'there is no backend yet');
    return backend;
  };

  async function open(): Promise<void> {
    stopLists?.();
    stopRun?.();
    stopComments?.();
    stopBookmarks?.();
    stopLease?.();
    stopNews?.();
    session = undefined;
    await backend?.close();
    backend = undefined;
    leases.clear();
    const opened = await connect(
      (text) => dispatch({ type: 'progressed', text }),
      (why) => dispatch({ type: 'connectFailed', message: why.message, hint: why.hint, code: why.code }),
    );
    if (closed) return opened.close();
    backend = opened;
    dispatch({ type: 'connected', url: opened.url, identity: opened.identity });
    stopLists = opened.followLists({
      onRows: (rows) => dispatch({ type: 'listed', rows }),
      onLink: (link) => dispatch({ type: 'listLink', link }),
    });
    dispatch({ type: 'modelsLoaded', models: await opened.models() });
  }

  async function perform(effect: Effect): Promise<void> {
    switch (effect.type) {
      case 'connect':
        return open();
      case 'loadModels':
        return dispatch({ type: 'modelsLoaded', models: await connected().models() });
      case 'follow': {
        const { runId } = effect;
        stopRun?.();
        stopComments?.();
        stopBookmarks?.();
        stopLease?.();
        stopLease = connected().followLease(runId, (lease) => dispatch({ type: 'leased', runId, pause: lease && { lease, us: senderBeside(lease) } }));
        stopComments = connected().followComments(runId, (comments) => dispatch({ type: 'commented', runId, comments }));
        stopBookmarks = connected().followLogBookmarks(runId, (bookmarks) => dispatch({ type: 'bookmarked', runId, bookmarks }));
        stopRun = connected().followRun(runId, {
          onChanges: (changes) => dispatch({ type: 'changed', runId, ...lines.take(runId, changes) }),
          onLines: (inFile, reading) => dispatch({ type: 'changed', runId, changes: [], lines: inFile, reading }),
          onLink: (link) => dispatch({ type: 'runLink', runId, link }),
        });
        return;
      }
      case 'followNews':
        stopNews?.();
        stopNews = effect.following && followNews(connected(), effect.following, (news) => dispatch({ type: 'heard', news }));
        return;
      case 'unfollow':
        stopRun?.();
        stopComments?.();
        stopBookmarks?.();
        stopLease?.();
        stopRun = stopComments = stopBookmarks = stopLease = undefined;
        lines.close();
        return;
      case 'searchRuns': {
        const { runs, searched, after } = await connected().searchRuns(parseRunFilter(effect.filter, effect.now), { limit: FOUND_RUNS });
        return dispatch({ type: 'searched', filter: effect.filter, runs, searched, isAll: after === undefined });
      }
      case 'startSession':
        return joinSession(await connected().startSession(effect.runId, { name: effect.name }));
      case 'joinSession':
        return joinSession(await connected().session(effect.reference));
      case 'leaveSession': {
        const left = session;
        session = undefined;
        await left?.leave();
        if (left && effect.end) await connected().endSession(left.session.id);
        return dispatch({ type: 'sessionLeft', why: effect.end ? 'The session has ended, for everybody.' : 'You left the session; it goes on.' });
      }
      case 'moveInSession':
        return session?.moveTo(effect.cursor);
      case 'find':
        return dispatch({ type: 'found', run: await connected().run(effect.reference), step: effect.step });
      case 'start':
        return dispatch({ type: 'started', run: await connected().startRun(effect.request) });
      case 'command': {
        const sent = await connected().command(effect.runId, effect.verb, effect.payload);
        return dispatch({ type: 'commanded', command: await connected().settled(sent) });
      }
      case 'loadSnapshot': {
        const { runId, stepKey, attempt: number } = effect;
        const snapshot = await connected().snapshot(runId, stepKey, number);
        return dispatch({ type: 'snapshotLoaded', runId, key: snapshotKey(stepKey, number), snapshot, problem: undefined });
      }
      case 'highlight':
        return dispatch({ type: 'highlighted', runId: effect.runId, snapshot: effect.snapshot, lines: await highlightLines(effect.code, effect.filePath) });
      case 'addBreakpoint':
        return dispatch({ type: 'listed', rows: { breakpoints: [await connected().addBreakpoint(effect)] } });
      case 'setBreakpoint':
        return connected().setBreakpoint(effect.id, { enabled: effect.enabled });
      case 'removeBreakpoint':
        await connected().removeBreakpoint(effect.id);
        return dispatch({ type: 'listed', rows: { removed: { table: 'breakpoints', ids: [effect.id] } } });
      case 'annotate':
        return dispatch({ type: 'annotated', run: await connected().annotate(effect.runId, effect.marks) });
      case 'export': {
        const rows = connected().traceRows(effect.runId);
        const { traceText } = await import('../client/trace/write-trace.ts');
        // As the command line does: the same run is the same bytes.
        const exportedAt = new Date((await connected().run(effect.runId)).updated_at).toISOString();
        const path = await writeFresh(effect.fileName, traceText(rows, { exportedAt, runId: effect.runId }));
        return dispatch({ type: 'told', text: `The whole run is in ${path}`, tone: 'info' });
      }
      case 'writeFile':
        return dispatch({ type: 'told', text: `Wrote ${effect.what} to ${await writeFresh(effect.fileName, effect.text)}`, tone: 'info' });
      case 'copy':
        return copy(effect.text, effect.what);
      case 'editOutside': {
        await terminal.suspended(async () => {
          const outcome = await editInEditor(effect.text, environment);
          dispatch({ type: 'editedOutside', stepKey: effect.stepKey, text: 'text' in outcome ? outcome.text : undefined, problem: 'problem' in outcome ? outcome.problem : undefined });
        });
        return;
      }
      case 'keepLease':
        return keepLease(effect.runId, effect.take);
      case 'releaseLease':
        await leases.get(effect.runId)?.release();
        leases.delete(effect.runId);
        return;
      // What talks to a backend is not needed for the first frame: it comes with the connection.
      case 'ask': {
        const { ask } = await import('./outside/questions.ts');
        return dispatch({ type: 'answered', question: effect.question, outcome: { answer: await ask(connected(), effect.question) } });
      }
      case 'write': {
        const { write } = await import('./outside/writes.ts');
        return dispatch({ type: 'written', written: await write(connected(), effect.write) });
      }
      case 'suspend':
        return terminal.suspended(stopUntilContinued);
      case 'repaint':
        return terminal.repaint();
      case 'saveSettings':
        settings.save(effect.change);
        return dispatch({ type: 'told', text: effect.text, tone: 'info' });
      case 'readThemes':
        return dispatch({ type: 'themesRead', themes: settings.readThemes(), choose: effect.choose });
      case 'exit':
        return terminal.exit();
    }
  }

  async function joinSession(row: DebugSessionRow): Promise<void> {
    await session?.leave();
    session = undefined;
    const handle = await connected().joinSession(row, {
      onPeers: (peers) => dispatch({ type: 'sessionPeers', peers }),
      onEnded: () => {
        session = undefined;
        dispatch({ type: 'sessionLeft', why: `The session "${row.session_name}" was ended.` });
      },
    });
    session = handle;
    dispatch({ type: 'sessionJoined', session: row });
  }

  /** Of ourselves only the name is known here; names of users are as unique as their ids. */
  function senderBeside(lease: LeaseRow): PauseSender {
    const { identity } = connected();
    return { user: identity === lease.owner_name ? lease.owner : identity };
  }

  async function keepLease(runId: string, take: boolean): Promise<void> {
    if (leases.has(runId) && !take) return;
    const onLost = (lease: LeaseRow) => {
      leases.delete(runId);
      dispatch({ type: 'told', text: `${lease.owner_name} has taken over the pause of run ${shortId(runId)}.`, tone: 'warn' });
    };
    try {
      leases.set(runId, await connected().keepLease(runId, { take, onLost }));
      if (take) dispatch({ type: 'told', text: `The pause of run ${shortId(runId)} is yours.`, tone: 'info' });
    } catch (error) {
      // Somebody else holds it, or the run has ended meanwhile: the command itself was obeyed all the same.
      if (take || !(error instanceof UserError && ['conflict', 'not-found'].includes(error.code))) throw error;
    }
  }

  async function copy(text: string, what: string): Promise<void> {
    if (Buffer.byteLength(text) > MAX_COPY_BYTES) {
      const path = await writeFresh('stepscope-copy.txt', text);
      return dispatch({ type: 'told', text: `The ${what} is too large for a terminal's clipboard; it is in ${path}`, tone: 'info' });
    }
    if (!terminal.write(copySequence(text, environment))) return dispatch({ type: 'told', text: `The terminal takes nothing now, so the ${what} was not copied.`, tone: 'warn' });
    if (isInTmux(environment)) return dispatch({ type: 'told', text: `Asked tmux to copy the ${what}: it needs set-clipboard on. Y writes a file instead.`, tone: 'info' });
    dispatch({ type: 'told', text: `Asked the terminal to copy the ${what} (${plural(text.length, 'character')}). If it does not paste, Y writes a file.`, tone: 'info' });
  }

  return {
    perform(effect) {
      attempt(() => perform(effect), (text, hint, code) => refusalOf(effect, text, hint, code));
    },
    async close() {
      closed = true;
      stopRun?.();
      stopComments?.();
      stopBookmarks?.();
      stopLease?.();
      stopNews?.();
      stopLists?.();
      lines.close();
      await backend?.close();
    },
  };
}

/** Who is told when an effect fails: the screen or dialog that waits for it. */
function refusalOf(effect: Effect, text: string, hint: string | undefined, code: ErrorCode): Message {
  switch (effect.type) {
    case 'connect':
      return { type: 'connectFailed', message: text, hint, code };
    case 'start':
      return { type: 'startFailed', message: sentence(text, hint) };
    case 'command':
      return { type: 'commandFailed', runId: effect.runId, verb: effect.verb, message: sentence(text, hint) };
    case 'loadSnapshot':
      return { type: 'snapshotLoaded', runId: effect.runId, key: snapshotKey(effect.stepKey, effect.attempt), snapshot: undefined, problem: sentence(text, hint) };
    case 'ask':
      return { type: 'answered', question: effect.question, outcome: { problem: sentence(text, hint) } };
    case 'write':
      return { type: 'notWritten', problem: sentence(text, hint) };
    default:
      return { type: 'told', text: sentence(text, hint), tone: 'error' };
  }
}

/** In an orphaned process group nobody could say `fg`, and the kernel does not stop us. */
const STOP_GRACE_MS = 500;

/** Stops the whole foreground job, as Ctrl-z does in a cooked terminal. */
async function stopUntilContinued(): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, STOP_GRACE_MS);
    process.once('SIGCONT', () => {
      clearTimeout(timer);
      resolve();
    });
    process.kill(0, 'SIGTSTP');
  });
}
