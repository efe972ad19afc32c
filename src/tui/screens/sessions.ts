import type { LiveSession } from '../../client/debug-sessions.ts';
import { formatRelative, plural, shortId } from '../../core/format.ts';
import { peersWords, type Peer } from '../../core/session-peers.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { limits } from '../../protocol/limits.ts';
import type { Effect } from '../effect.ts';
import { keyFor } from '../keymap/key-marks.ts';
import { cannotChange } from '../keymap/reasons.ts';
import { selectedRun } from '../model/runs.ts';
import { clipLine, fit, line, span, type Line } from '../output/line.ts';
import type { Confirm } from '../overlay.ts';
import type { State } from '../state.ts';
import { only, told, withOverlay, type Update } from '../update/result.ts';
import { newScreen, on, sayRows, withScreen, type Screen, type ScreenBase, type ScreenRow } from './screen.ts';

/** The sessions that go on: who looks at which run together. */
export interface SessionsState extends ScreenBase {
  readonly name: 'sessions';
  /** Undefined until the first answer. */
  readonly sessions: readonly LiveSession[] | undefined;
}

export function newSessionsScreen(): SessionsState {
  return { ...newScreen, name: 'sessions', sessions: undefined };
}

/** Names of sessions take at most this much of a row. */
const MOST_NAME = 48;
/** Cells of a row that are no name. */
const FIXED = 64;

function rows(state: State, own: SessionsState, columns: number): readonly ScreenRow[] {
  if (!own.sessions) return [];
  if (own.sessions.length > 0) return own.sessions.flatMap((one, index) => sessionRows(state, one, index, columns));
  return sayRows(state, `No session goes on. ${keyFor('sessions.begin')} begins one on the selected run; others join it here, or with \`stepscope session join\`.`, columns);
}

function sessionRows(state: State, { session, peers }: LiveSession, index: number, columns: number): readonly ScreenRow[] {
  const { glyphs } = state;
  const run = state.lists.runs?.find((one) => one.test_run_id === session.test_run_id);
  const isOurs = state.together?.session.id === session.id;
  const who = peers === undefined ? (index < limits.watchedSessions ? 'who is there is being read' : 'more sessions than are looked into') : peers.length === 0 ? 'nobody is there' : `${peers.length} here`;
  const head: Line = [
    span(isOurs ? ' you ' : '     ', 'accent', { bold: true }),
    span(fit(session.session_name, Math.max(10, Math.min(MOST_NAME, columns - FIXED)), 'left', glyphs.more)),
    span(`  ${session.test_run_id === null ? 'no run' : shortId(session.test_run_id)}`, 'muted'),
    span(run ? ` ${glyphs.status[run.status]} ${run.status}` : '', run ? (run.status === 'paused' ? 'held' : run.status === 'interrupted' ? 'failed' : run.status) : 'muted'),
    span(`  ${who}`, peers?.length ? 'accent' : 'muted'),
    span(`  begun ${formatRelative(Date.parse(session.created_at), state.now)}${session.created_by_name === null ? '' : ` by ${session.created_by_name.split('@', 1)[0]}`}`, 'muted'),
  ];
  const people = (peers ?? []).map((peer): Line => [
    span(`       ${fit(peer.isMe ? `${peer.label}, you` : peer.label, 16, 'left', glyphs.more)}`, peer.isMe ? 'accent' : 'text'),
    span(peer.leads ? ' leads   ' : '         ', 'muted'), span(placeWords(state, peer), 'muted'),
  ]);
  return [head, ...people].map((text, at) => ({ line: clipLine(text, columns, glyphs.more), id: session.id, isStop: at === 0 }));
}

/** `looks at abc123, 4b Provider API Call, diff`. */
function placeWords(state: State, { cursor }: Peer): string {
  if (cursor === null) return 'looks at the list of runs';
  const run = state.lists.runs?.find((one) => one.test_run_id === cursor.run);
  const step = flattenSteps(run?.step_tree ?? []).find((one) => one.key === cursor.step);
  const place = cursor.pane === 'detail' ? cursor.tab : cursor.pane;
  const words = [`looks at ${shortId(cursor.run)}`, step ? `${step.display} ${step.name}` : cursor.step, cursor.logSeq === undefined ? place : `line ${cursor.logSeq} of the log`];
  return words.filter((one) => one !== undefined).join(', ');
}

function chosen(state: State, own: SessionsState): LiveSession | undefined {
  const id = rows(state, own, state.size.columns - 1)[own.cursor]?.id;
  return own.sessions?.find(({ session }) => session.id === id);
}

const noSession = (state: State): Update => only(told(state, `No session goes on; ${keyFor('sessions.begin')} begins one on the selected run.`));

const cannotBegin = (state: State): string | undefined => cannotChange(state) ?? (selectedRun(state) ? undefined : 'there is no run to look at together');

export const sessionsScreen: Screen<SessionsState> = {
  title: () => 'sessions',
  about: (state, own) => {
    if (!own.sessions) return line(' Reading the sessions…', 'muted');
    const run = selectedRun(state);
    const begin = run && !cannotChange(state) ? `; ${keyFor('sessions.begin')} begins one on run ${shortId(run.test_run_id)}` : '';
    return line(own.sessions.length === 0 ? ' In a session everybody looks where one leads, and sees who looks where' : ` ${plural(own.sessions.length, 'session')}${begin}`, 'muted');
  },
  rows,
  follows: () => ({ kind: 'sessions', round: 0 }),
  heard: (_state, own, news) => (news.kind === 'sessions' ? { ...own, sessions: news.sessions } : own),
  stops: 'session',
  keys: [
    { action: 'sessions.join', keys: ['enter', 'l', 'right'], place: 'sessions', label: 'join', help: 'Join the session: its run opens, and you look where they look who lead.', footer: 1 },
    { action: 'sessions.begin', keys: ['n'], place: 'sessions', label: 'begin one', help: 'Begin a session on the selected run.', footer: 2, disabled: cannotBegin },
    { action: 'sessions.leave', keys: ['x'], place: 'sessions', label: 'leave', help: 'Leave the session that you are in; it goes on.', footer: 3, footerWhen: (state) => state.together !== undefined, disabled: (state) => (state.together ? undefined : `you are in no session; ${keyFor('sessions.end')} ends the one under the cursor`) },
    { action: 'sessions.end', keys: ['X'], place: 'sessions', label: 'end', help: 'End the session for everybody, after asking.', footer: 4, disabled: cannotChange },
  ],
  actions: {
    'sessions.join': on('sessions', (state, own) => {
      const one = chosen(state, own);
      return one ? only(told(state, 'Joining the session…'), { type: 'joinSession', reference: one.session.id }) : noSession(state);
    }),
    'sessions.begin': on('sessions', (state) => only(told(state, 'Beginning the session…'), { type: 'startSession', runId: selectedRun(state)!.test_run_id, name: undefined })),
    'sessions.leave': on('sessions', (state) => only(state, { type: 'leaveSession', end: false })),
    'sessions.end': on('sessions', (state, own) => {
      const one = chosen(state, own);
      if (!one) return noSession(state);
      if (state.together?.session.id === one.session.id) return only(withOverlay(state, endingOf(one, { type: 'leaveSession', end: true })));
      return only(withOverlay(state, endingOf(one, { type: 'write', write: { kind: 'endSession', id: one.session.id } })));
    }),
  },
  commands: { sessions: { usage: 'sessions', help: 'who looks at which run together', run: (state) => only(withScreen(state, newSessionsScreen())) } },
};

function endingOf({ session, peers }: LiveSession, effect: Effect): Confirm {
  const there = peers === undefined || peers.length === 0 ? 'Nobody is known to be in it.' : `${peersWords(peers)}.`;
  return { type: 'confirm', title: `End the session "${session.session_name}"`, text: [`It ends for everybody. ${there} Its run goes on as it is.`], effects: [effect] };
}
