import { describe, expect, it } from 'vitest';
import { shortId } from '../core/format.ts';
import type { Peer, SessionCursor } from '../core/session-peers.ts';
import type { CommentRow, DebugSessionRow } from '../protocol/debug-rows.ts';
import { at, heldRun, keys, listed, logRow, openTerminal, opened, runId, runRow, stepRow, type TestTerminal } from './testing.tsx';

const session: DebugSessionRow = {
  id: '019578a1-0000-7000-8000-0000000ses51', session_name: 'the bad upload', description: null, filters: {}, scope: {}, test_run_id: runId, event_count: 0, insight_count: 0, query_count: 0,
  active: true, resolved: false, created_by: null, created_by_name: 'ada@example', created_at: at(0), updated_at: at(0), closed_at: null,
};
const peer = (name: string, change: Partial<Peer> = {}): Peer => ({ terminal: name, name: `${name}@example`, joinedAt: 1, leads: false, cursor: null, isMe: false, label: name, ...change });
const ada = (cursor: SessionCursor | null = null): Peer => peer('ada', { leads: true, cursor });
const me = peer('me', { isMe: true });
const moves = (terminal: TestTerminal) => terminal.effects.flatMap((effect) => (effect.type === 'moveInSession' ? [effect.cursor] : []));
const inSession = (...peers: readonly Peer[]): TestTerminal => {
  const terminal = openTerminal({ size: { columns: 130, rows: 24 } }, ...heldRun());
  terminal.send({ type: 'sessionJoined', session }, { type: 'sessionPeers', peers });
  return terminal;
};
const comment = (change: Partial<CommentRow>): CommentRow => ({ id: 'c', test_run_id: runId, step_key: 'storage_upload', log_id: null, path: null, body: 'why so slow?', resolved: false, author: null, author_name: 'ada@example', created_at: at(0), updated_at: at(0), ...change });

describe('a session in the terminal', () => {
  it('is begun, joined, left and ended by name', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':', 'session start the bad upload\r');
    terminal.press(':', 'session join 5e5510\r');
    terminal.send({ type: 'sessionJoined', session });
    terminal.press(':', 'session leave\r');
    terminal.press(':', 'session end\r');
    expect(terminal.effects.filter((effect) => effect.type.endsWith('Session') && effect.type !== 'moveInSession')).toEqual([
      { type: 'startSession', runId, name: 'the bad upload' }, { type: 'joinSession', reference: '5e5510' }, { type: 'leaveSession', end: false }, { type: 'leaveSession', end: true },
    ]);
    terminal.send({ type: 'sessionLeft', why: 'You left the session; it goes on.' });
    terminal.press(':', 'session leave\r');
    expect(terminal.screen()).toContain('You are in no session');
  });

  it('shows who is there, and follows who leads until a key looks elsewhere', () => {
    const terminal = inSession(ada(), me);
    expect(terminal.screen()).toContain('2 here: ada, you, following ada');
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: runId, step: 'prepare_inputs', pane: 'detail', tab: 'diff' }), me] });
    expect(terminal.state().open).toMatchObject({ selected: 'prepare_inputs', pane: 'detail', detail: { tab: 'diff' } });
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: runId, step: 'prepare_inputs', pane: 'log', logSeq: 50 }), me] });
    expect(terminal.state().open?.log).toMatchObject({ follows: false, cursor: 0 });

    terminal.press('1');
    expect(terminal.screen()).toContain('You look by yourself now.');
    expect(terminal.state().together?.follows).toBe(false);
    terminal.press('k');
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: runId, step: 'storage_upload' }), me] });
    expect(terminal.state().open?.selected).not.toBe('storage_upload');

    terminal.press(':', 'session follow\r');
    expect(terminal.state()).toMatchObject({ together: { follows: true }, open: { selected: 'storage_upload' } });
  });

  it('tells the others where we look, and each place once', () => {
    const terminal = inSession({ ...me, leads: true }, peer('bob'));
    const before = moves(terminal).length;
    terminal.press('1', 'k');
    terminal.later(1_000);
    expect(moves(terminal).length).toBeGreaterThan(before);
    expect(moves(terminal).at(-1)).toMatchObject({ run: runId, step: terminal.state().open!.selected, pane: 'steps' });
    expect(new Set(moves(terminal).map((one) => JSON.stringify(one))).size).toBe(moves(terminal).length);
    expect(terminal.state().together?.follows).toBe(true);
  });

  it('opens the run of the session, and the run that is led to', () => {
    const other = '019578a1-0000-7000-8000-00000000bbb2';
    const terminal = openTerminal({}, listed, { type: 'sessionJoined', session });
    expect(terminal.effects).toContainEqual({ type: 'follow', runId });
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: other, step: 'load_model' }), me] });
    expect(terminal.state().open).toMatchObject({ runId: other, selected: 'load_model' });
    terminal.press('q');
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: other, step: 'prepare_inputs' }), me] });
    expect(terminal.state().open).toBeUndefined();
  });

  it('takes no word of a peer for more than a word', () => {
    const terminal = inSession(ada(), me);
    terminal.send({ type: 'sessionPeers', peers: [ada({ run: runId, step: 'no_such_step', pane: '__proto__', tab: 'constructor', logSeq: 9e15 }), peer('\u001b[2Jeve\u202e'), me] });
    expect(terminal.state().open).toMatchObject({ selected: 'storage_upload', detail: { tab: terminal.state().open!.detail.tab } });
    expect(['steps', 'detail', 'log']).toContain(terminal.state().open!.pane);
    // eslint-disable-next-line no-control-regex
    expect(terminal.screen()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });
});

describe('comments in the terminal', () => {
  it('stand at their step and in its details', () => {
    const terminal = openTerminal({ size: { columns: 130, rows: 30 } }, ...heldRun(), { type: 'commented', runId, comments: [comment({}), comment({ id: 'd', step_key: 'load_model', body: 'done', resolved: true })] });
    terminal.press('3');
    expect(terminal.screen()).toContain(' 5"  Storage Upload');
    expect(terminal.screen()).toContain('" ada: why so slow?');
    expect(terminal.screen()).not.toContain(' 1"');
  });

  it('are about the selected step, one that is named, or the run', () => {
    const terminal = openTerminal({}, ...heldRun());
    terminal.press(':', 'comment why: so slow?\r');
    terminal.press(':', 'comment 4b: and this?\r');
    terminal.press(':', 'comment run: hm\r');
    terminal.press(':', `comment ${shortId(runId)} about all of it\r`);
    terminal.press(':', 'comment\r');
    expect(terminal.effects.flatMap((effect) => (effect.type === 'write' ? [effect.write] : []))).toEqual([
      { kind: 'comment', runId, stepKey: 'storage_upload', body: 'why: so slow?' },
      { kind: 'comment', runId, stepKey: 'call_edge_function.provider_api_call', body: 'and this?' },
      { kind: 'comment', runId, stepKey: undefined, body: 'hm' },
      { kind: 'comment', runId, stepKey: undefined, body: 'about all of it' },
    ]);
  });
});

describe('the filter of the list of runs', () => {
  const list = (): TestTerminal =>
    openTerminal({ size: { columns: 130, rows: 24 } }, listed, { type: 'listed', rows: { runs: [runRow(), runRow({ id: 'b', test_run_id: '019578a1-0000-7000-8000-00000000bbb2', status: 'failed', created_at: at(-1_000) })] } });

  it('applies as it is typed, says what is wrong with it, and looks for older runs', () => {
    const terminal = list();
    terminal.press('f', 'status=failed');
    expect(terminal.screen()).not.toContain('00abc1');
    terminal.press(' mod');
    expect(terminal.screen()).toContain('00bbb2');
    terminal.press('l=x\r');
    expect(terminal.screen()).toContain('Did you mean `model`?');
    for (let i = 0; i < 6; i++) terminal.press('\u007f');
    terminal.press('cost>5\r');
    expect(terminal.state().home.filter).toBe('status=failed cost>5');
    expect(terminal.effects).toContainEqual({ type: 'searchRuns', filter: 'status=failed cost>5', now: terminal.state().now });

    const older = runRow({ id: 'o', test_run_id: '019578a1-0000-7000-8000-00000000ccc3', status: 'failed', created_at: at(-9_000_000) });
    terminal.send({ type: 'searched', filter: 'status=failed cost>5', runs: [older], searched: 400, isAll: true });
    expect(terminal.screen()).toContain('00ccc3');
    expect(terminal.screen()).not.toContain('00bbb2');
    terminal.press(keys.esc);
    expect(terminal.state().home.filter).toBe('');
  });

  it('is set by the words of the command line', () => {
    const terminal = openTerminal({}, ...opened(runRow(), stepRow('load_model'), logRow(1, 'x')));
    terminal.press(':', 'runs status=failed error~"out of memory" --tag "two words"\r');
    expect(terminal.state()).toMatchObject({ open: undefined, home: { filter: 'status=failed error~"out of memory" tag="two words"' } });
    terminal.press(':', 'filter statsu=x\r');
    expect(terminal.state().notice?.text).toContain('Did you mean `status`?');
  });
});
