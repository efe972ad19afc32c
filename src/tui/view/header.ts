import { formatBytes, formatDuration, formatRelative, plural, shortId } from '../../core/format.ts';
import { awaitedApproval, situationOf } from '../../core/command-rules.ts';
import { isHeldAfter } from '../../core/hold-reason.ts';
import { peersWords } from '../../core/session-peers.ts';
import { errorCount } from '../../core/run-state.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { lineWidth, span, spread, type Line, type Span } from '../output/line.ts';
import { fitParts, type Part } from '../output/parts.ts';
import { progressOf, stepInFocus, stepMs, stepsOf } from '../model/steps.ts';
import { heldFor, holdWords } from '../model/breakpoints.ts';
import { workTimeOf } from '../../core/work-time.ts';
import type { LinkAt, OpenRun, State } from '../state.ts';
import { playbackOf } from '../update/playback.ts';
import { leaderOf, nameOf } from '../update/together.ts';
import { underWay } from '../update/pending.ts';
import { bar } from './bar.ts';
import { NARROW } from './log-title.ts';

/** First row: what this is, how it stands, and whether what we see is live. Where there is little room, the name goes first. */
export function headerLine(state: State): Line {
  const { columns } = state.size;
  const run = state.open;
  const link = run ? run.link : state.lists.link;
  const parts = run ? runParts(state, run) : homeParts(state);
  // A live link is the first thing not worth its place; a lost one is what everything else hangs on.
  const wordsOf = (isBrief: boolean): Line => [...lineUseSpans(state), ...(run?.playback ? playbackSpans(run) : linkSpans(link, state, isBrief))];
  const longest = wordsOf(columns < NARROW);
  const isCrowded = partsWidth(parts) + lineWidth(longest) + 1 > columns;
  const words = isCrowded ? wordsOf(true) : longest;
  const fits = lineWidth(fitParts(parts, 0)) + lineWidth(words) + 1 <= columns;
  const end = fits || link.state === 'lost' || run?.playback ? words : [];
  return spread(fitParts(parts, columns - lineWidth(end) - (end.length > 0 ? 1 : 0), state.glyphs.more), end, columns);
}

/** Cells of all the pieces, those that can be cut as short as can be. */
function partsWidth(parts: readonly Part[]): number {
  return parts.reduce((sum, { line, least = Infinity }) => sum + Math.min(least, lineWidth(line)), 0);
}

function homeParts(state: State): readonly Part[] {
  return [
    { line: [span(' stepscope', 'heading')], gives: 1 },
    ...homeSummary(state).map((one, index) => ({ line: [one], gives: 9 - index })),
    ...(state.lists.link.lostAt === undefined ? [] : [{ line: [span(`  as of ${formatRelative(state.lists.link.lostAt, state.now)}`, 'warn' as const)], gives: 10 }]),
    ...(state.readOnly ? [{ line: [span('  '), span(' READ-ONLY ', 'badgeReadOnly')] }] : []),
    { line: togetherSpans(state), gives: 8 },
  ];
}

function runParts(state: State, run: OpenRun): readonly Part[] {
  const row = run.view.run;
  if (!row) return [{ line: [span(' stepscope', 'heading')], gives: 1 }, { line: [span(`  ${shortId(run.runId)}`, 'muted')] }];
  const { lostAt } = run.link;
  const time = workTimeOf(row, run.view.index.steps.values(), lostAt ?? state.now);
  const timeToken = lostAt === undefined ? 'text' : 'muted';
  const { done, total } = progressOf(run.view);
  // Which run it is matters more than its figures as soon as they may be old.
  const name = `${row.bookmarked ? `${state.glyphs.bookmark} ` : ''}${row.bookmark_name ?? row.pipeline_key ?? 'traced program'}`;
  const token = row.status === 'paused' ? 'held' : row.status === 'interrupted' ? 'failed' : row.status;
  return [
    { line: [span(` ${name}`, 'heading')], gives: 3, least: 9 },
    { line: [span(` ${shortId(row.test_run_id)} `, 'muted')], gives: state.size.columns < NARROW ? 5 : undefined },
    { line: [span(' '), span(`${state.glyphs.status[row.status]} ${row.status.toUpperCase()}`, lostAt === undefined ? token : 'muted')] },
    { line: time ? [span(` ${formatDuration(time.workMs)}`, timeToken)] : [], gives: lostAt !== undefined ? 2 : row.status === 'paused' ? 5 : 8 },
    // Of a held run it is how long it has waited that matters.
    { line: time && time.heldMs > 0 ? [span(`, held ${formatDuration(time.heldMs)}`, timeToken)] : [], gives: row.status === 'paused' ? 8 : 5 },
    // No word of a run that goes on without us reaching us is about now.
    { line: lostAt === undefined ? [] : [span(`  as of ${formatRelative(lostAt, state.now)}`, 'warn')], gives: 7 },
    { line: row.test_mode_enabled ? badge('TEST MODE', 'badgeTest') : [] },
    { line: state.readOnly ? badge('READ-ONLY', 'badgeReadOnly') : [], gives: 7 },
    { line: editBadge(run), gives: 6 },
    { line: rerunWords(row, run), gives: 1 },
    { line: [span(`  ${done}/${total}`, 'muted')], gives: lostAt === undefined ? 4 : 1 },
    { line: togetherSpans(state), gives: 8 },
    { line: row.mode === 'step' ? [span('  stepping', 'muted')] : [], gives: 2 },
  ];
}

/** Who is in the session, and whom we follow. */
function togetherSpans(state: State): Line {
  const { together } = state;
  if (!together) return [];
  if (together.peers.length === 0) return [span('  session…', 'muted')];
  const leader = leaderOf(state);
  return [span(`  ${peersWords(together.peers)}`, 'accent'), ...(leader && together.follows ? [span(`, following ${nameOf(leader)}`, 'muted')] : [])];
}

function badge(text: string, token: 'badgeTest' | 'badgeEdited' | 'badgeReadOnly'): Line {
  return [span(' '), span(` ${text} `, token)];
}

function editBadge(run: OpenRun): Line {
  if (Object.keys(run.drafts).length > 0) return badge('DRAFT', 'badgeEdited');
  return stepsOf(run.view).some((step) => step.row?.is_edited) ? badge('EDITED', 'badgeEdited') : [];
}

function rerunWords(row: RunRow, run: OpenRun): Line {
  if (row.parent_run_id === null) return [];
  const from = stepsOf(run.view).find((step) => step.key === row.forked_from_step)?.display ?? row.forked_from_step;
  return [span(`  rerun of ${shortId(row.parent_run_id)}${from === null ? '' : ` from ${from}`}`, 'reused')];
}

function homeSummary(state: State): readonly Span[] {
  const runs = state.lists.runs;
  if (state.session.phase !== 'ready' || !runs) return [];
  const running = runs.filter((run) => run.status === 'running').length;
  const held = runs.filter((run) => run.status === 'paused').length;
  return [
    span(`  ${plural(runs.length, 'run')}`, 'muted'),
    ...(running > 0 ? [span(`  ${state.glyphs.status.running} ${running} running`, 'running' as const)] : []),
    ...(held > 0 ? [span(`  ${state.glyphs.status.held} ${held} held`, 'held' as const)] : []),
    ...(state.home.filter === '' ? [] : [span(`  filter: ${state.home.filter}`, 'accent')]),
  ];
}

/** Which moment is shown, of how much. */
function playbackSpans(run: OpenRun): Line {
  const { from, to, at } = playbackOf(run)!;
  return [span(' PLAYBACK ', 'badgeReadOnly'), span(` ${formatDuration(at - from)} of ${formatDuration(to - from)} `, 'accent')];
}

/** What is known of the link, in words. */
export function linkSpans(link: LinkAt, state: State, isBrief = state.size.columns < NARROW): Line {
  if (state.recording !== undefined) return [span('recording ', 'accent')];
  switch (link.state) {
    case 'live':
      return [span('live ', 'completed')];
    case 'connecting':
      return [span('connecting ', 'muted')];
    case 'catching-up':
      return [span('catching up ', 'accent')];
    case 'lost': {
      const seconds = Math.ceil((link.at + link.retryInMs - state.now) / 1000);
      // A bare time would be read as how long it has been lost.
      const words = isBrief ? ['lost', `next ${seconds} s`, 'trying'] : ['link lost', `next try in ${seconds} s`, state.size.columns < 100 ? 'trying' : 'trying again'];
      return [span(`${state.glyphs.status.failed} ${words[0]}, ${seconds > 0 ? words[1] : words[2]} `, 'warn')];
    }
  }
}

/** What the line to the terminal carries, where a person asked for it. */
function lineUseSpans({ lineUse, settings }: State): Line {
  return settings.values.showBytes && lineUse ? [span(`${formatBytes(lineUse.bytesPerSecond)}/s, ${plural(lineUse.framesPerSecond, 'frame')}/s  `, 'muted')] : [];
}

/** Second row of the run screen: the step that matters now, and why the run stands where it stands. */
export function situationLine(state: State, run: OpenRun): Line {
  const row = run.view.run;
  if (!row) return [span(' Reading the run…', 'muted')];
  const pending: Line = underWay(run).map((verb, index) => span(`${index > 0 ? '' : `${state.glyphs.spinner[Math.floor(state.now / 250) % state.glyphs.spinner.length]} `}${pendingWords[verb]}… `, 'accent'));
  const end: Line = run.playback ? playbackBar(state, run) : row.status === 'running' ? stepBar(state, run) : [];
  const room = state.size.columns - lineWidth(end) - 2;
  const shown = spread([span(' '), ...fitParts([{ line: pending }, ...situationParts(state, run, row)], room, state.glyphs.more)], end, state.size.columns);
  return run.link.lostAt === undefined ? shown : shown.map((one) => ({ ...one, token: 'muted' }));
}

/** How the run stands, in pieces of which the reason goes last. */
function situationParts(state: State, run: OpenRun, row: RunRow): readonly Part[] {
  const step = stepInFocus(run.view);
  const seenAt = run.link.lostAt ?? state.now;
  const sign = state.glyphs.status[row.status];
  const approval = awaitedApproval(situationOf(run.view)!);
  const display = step?.display ?? '';
  const name: Part = { line: [span(step ? ` ${step.name}` : '', row.status === 'paused' ? 'held' : row.status === 'running' ? 'running' : row.status === 'failed' ? 'failed' : 'muted')], gives: 1 };

  switch (row.status) {
    case 'pending':
      return [{ line: state.lists.runners.length === 0 && state.now - Date.parse(row.created_at) > 3_000
        ? [span('No runner has taken the run. Start one with `stepscope runner`.', 'warn')]
        : [span('Waiting for a runner to take the run…', 'muted')] }];
    case 'running':
      if (!step || step.status !== 'running') return [{ line: [span('Between two steps', 'muted')] }];
      return [{ line: [span(`${sign} ${display}`, 'running')] }, { ...name, least: 8 }, { line: [span(` ${formatDuration(stepMs(step, seenAt) ?? 0)}`)] }];
    case 'paused':
      return [
        { line: [span(`${sign} held`, 'held')] },
        { line: [span(` ${isHeldAfter(row) ? 'after' : 'before'} ${display}`, 'held')], gives: approval ? 2 : 4 },
        { ...name, least: 10 },
        { line: [span(`  ${approval ? `waits for approval: ${approval.title}` : holdWords(row.pause_reason)}`, approval ? 'warn' : 'muted')], },
        // Of an approval it is who asks that matters; the steps show the place as well.
        { line: row.paused_at === null ? [] : [span(`${row.paused_by === null ? '' : `, by ${row.paused_by}`}${heldFor(row.paused_at, seenAt)}`, 'muted')], gives: 3 },
      ];
    case 'failed':
      return [{ line: [span(`${sign} ${display}`, 'failed')] }, name, { line: [span(`: ${row.error_message ?? step?.row?.error_message ?? 'no reason was recorded'}`, 'error')], least: 20 }];
    case 'completed':
      return completedWords(run, row).map((words, index) => ({ line: [span(index === 0 ? `${sign} ` : ', ', index === 0 ? 'completed' : 'text'), span(words)], gives: 9 - index }));
    case 'cancelled':
      return [{ line: [span(`${sign} cancelled`, 'cancelled'), span(step?.row ? ` at ${display}` : ' before the first step', 'muted')] }, ...(step?.row ? [name] : [])];
    case 'interrupted':
      return [{ line: [span(`${sign} the runner was gone`, 'failed')] }, { line: [span(`  what it stored until ${step ? `${display} ${step.name}` : 'then'} is here`, 'muted')], gives: 1 }, { line: [span('; R runs it again', 'muted')], gives: 2 }];
  }
}

/** Where in its whole time the moment lies that is shown. */
function playbackBar(state: State, run: OpenRun): Line {
  const { from, to, at } = playbackOf(run)!;
  return [...bar((at - from) / Math.max(1, to - from), state.size.columns < 60 ? 8 : 20, state.glyphs, 'accent'), span(' ')];
}

/** How far the step in flight is, against the longest one. */
function stepBar(state: State, run: OpenRun): Line {
  const step = stepInFocus(run.view);
  const isCrowded = state.size.columns < 60 && underWay(run).length > 0;
  if (step?.status !== 'running' || isCrowded) return [];
  const took = stepMs(step, run.link.lostAt ?? state.now) ?? 0;
  return [...bar(took / longestMs(run, took), state.size.columns < 60 ? 8 : 20, state.glyphs, 'running'), span(' ')];
}

const pendingWords = {
  pause: 'pausing before the next step', continue: 'resuming', next: 'stepping', stepIn: 'stepping in', stepOut: 'stepping out', runTo: 'running to the step', cancel: 'cancelling',
  edit: 'saving the edit', lease: 'renewing the pause', take: 'taking over', approve: 'approving', reject: 'rejecting',
} as const;

/** A bar in flight is measured by the longest step so far; what takes longer fills it. */
function longestMs(run: OpenRun, took: number): number {
  return Math.max(1_000, took, ...stepsOf(run.view).map((step) => step.row?.duration_ms ?? 0));
}

function completedWords(run: OpenRun, row: RunRow): readonly string[] {
  const warnings = row.log_counts['warn'] ?? 0;
  const errors = errorCount(row);
  const time = workTimeOf(row, run.view.index.steps.values(), Date.parse(row.completed_at ?? row.updated_at));
  const parts = [`completed${time ? ` in ${formatDuration(time.workMs)}` : ''}`];
  if (time && time.heldMs > 0) parts.push(`held ${formatDuration(time.heldMs)}`);
  if (errors > 0) parts.push(`${plural(errors, 'error')} in the log`);
  if (warnings > 0) parts.push(plural(warnings, 'warning'));
  if (row.parent_run_id !== null) parts.push(`rerun of ${shortId(row.parent_run_id)}`);
  if (row.model_name) parts.push(row.model_name);
  return parts;
}
