import type { Peer, SessionCursor } from '../../core/session-peers.ts';
import type { DebugSessionRow } from '../../protocol/debug-rows.ts';
import { placeOfSeq, rowAt } from '../model/log.ts';
import { stepsOf } from '../model/steps.ts';
import type { DetailTab, OpenRun, Pane, State } from '../state.ts';
import { openRun, selectStep, showRun } from './open-run.ts';
import { LASTING_MS, only, told, withRun, type Update } from './result.ts';

const panes: readonly Pane[] = ['steps', 'detail', 'log'];
const tabs: readonly DetailTab[] = ['inputs', 'outputs', 'diff', 'state', 'source', 'timing', 'error'];

/** We are in: the run of the session opens, and we look where they look who lead. */
export function joined(state: State, session: DebugSessionRow): Update {
  const next: State = { ...state, together: { session, peers: state.together?.session.id === session.id ? state.together.peers : [], follows: true } };
  const opened = session.test_run_id === null || (state.open?.runId === session.test_run_id && state.screens.length === 0) ? only(next) : showRun(next, session.test_run_id);
  return only(told(opened.state, `In the session "${session.session_name}". \`session leave\` leaves it.`, 'info', LASTING_MS), ...opened.effects);
}

/** Takes in who is there. Where somebody else leads and we follow, we look where they look now. */
export function withPeers(state: State, peers: readonly Peer[]): Update {
  // Presence may come before the answer that we are in.
  if (!state.together) return only(state);
  const before = leaderOf(state)?.cursor;
  const next: State = { ...state, together: { ...state.together, peers } };
  const cursor = leaderOf(next)?.cursor;
  if (!next.together?.follows || !cursor || JSON.stringify(cursor) === JSON.stringify(before)) return only(next);
  return lookAt(next, cursor);
}

/** Who leads the session, when it is not we. */
export function leaderOf(state: State): Peer | undefined {
  const first = state.together?.peers[0];
  return first?.isMe === false ? first : undefined;
}

/** Looks where they look who lead, from now on. */
export function follow(state: State): Update {
  if (!state.together) return only(told(state, 'You are in no session; `session join` joins one.'));
  const leader = leaderOf(state);
  if (!leader) return only(told(state, 'You lead this session: the others look where you look.'));
  const next: State = { ...state, together: { ...state.together, follows: true } };
  return leader.cursor ? lookAt(next, leader.cursor) : only(next);
}

/**
 * What follows from having looked elsewhere: the others are told, and who moved by a key of their own follows nobody any more.
 * Part of every update.
 */
export function tellOthers(before: State, { state, effects }: Update, isKey: boolean): Update {
  if (!state.together) return { state, effects };
  const [then, now] = [cursorOf(before.open), cursorOf(state.open)];
  const isFresh = before.together?.session.id !== state.together.session.id;
  if (!isFresh && JSON.stringify(then) === JSON.stringify(now)) return { state, effects };
  const leaves = isKey && !isFresh && state.together.follows && before.together?.follows === true && leaderOf(state) !== undefined;
  const next = leaves ? told({ ...state, together: { ...state.together, follows: false } }, `You look by yourself now. \`:session follow\` follows ${nameOf(leaderOf(state)!)} again.`) : state;
  return { state: next, effects: now ? [...effects, { type: 'moveInSession', cursor: now }] : effects };
}

export function nameOf(peer: Peer): string {
  return peer.label;
}

function cursorOf(run: OpenRun | undefined): SessionCursor | undefined {
  if (!run) return undefined;
  const line = run.log.follows ? undefined : rowAt(run, run.log.cursor);
  return {
    run: run.runId,
    ...(run.selected === undefined ? {} : { step: run.selected }),
    pane: run.pane,
    tab: run.detail.tab,
    ...(line === undefined ? {} : { logSeq: line.seq }),
  };
}

function lookAt(state: State, cursor: SessionCursor): Update {
  const opened = state.open?.runId === cursor.run ? only(state) : openRun(state, cursor.run);
  const moved = withRun(opened.state, (open) => {
    let run = open;
    // The rows of a run that was just opened are still to come: its step is taken at its word.
    const isStep = cursor.step !== undefined && (stepsOf(run.view).some((step) => step.key === cursor.step) || run.view.run === undefined);
    if (isStep) run = selectStep(run, cursor.step!);
    const pane = panes.find((one) => one === cursor.pane) ?? run.pane;
    const tab = tabs.find((one) => one === cursor.tab) ?? run.detail.tab;
    run = { ...run, pane, choseView: true, detail: tab === run.detail.tab ? run.detail : { ...run.detail, tab, cursor: 0, top: 0 } };
    const place = cursor.logSeq === undefined ? run.log.matchCount : placeOfSeq(run, cursor.logSeq);
    if (place < run.log.matchCount) return { ...run, log: { ...run.log, cursor: place, follows: false, frozenCount: run.log.matchCount } };
    return cursor.logSeq === undefined ? { ...run, log: { ...run.log, follows: true, cursor: Math.max(run.log.matchFirst, run.log.matchCount - 1), frozenCount: run.log.matchCount } } : run;
  });
  return only(moved, ...opened.effects);
}
