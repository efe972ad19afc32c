import { formatDuration } from '../../core/format.ts';
import { line, span, wrap, type Line } from '../output/line.ts';
import type { State } from '../state.ts';

/** What stands before there is a backend: what is being done and for how long, or what went wrong and what to try. */
export function waitingLines(state: State): readonly Line[] {
  const { session, glyphs, now } = state;
  if (session.phase === 'connecting') {
    const spinner = glyphs.spinner[Math.floor(now / 250) % glyphs.spinner.length]!;
    return [[], [span(` ${spinner} `, 'accent'), span(session.progress), span(` ${formatDuration(Math.max(0, now - session.since))}`, 'muted')]];
  }
  if (session.phase !== 'failed') return [];
  const room = state.size.columns - 4;
  return [
    [],
    [span(` ${glyphs.status.failed} `, 'failed'), span(session.code === 'unauthorized' ? 'The backend does not let us in.' : 'The backend cannot be reached.', 'heading')],
    [],
    ...wrap(session.message, room).map((text) => line(`   ${text}`)),
    ...(session.hint === undefined ? [] : [[], ...wrap(session.hint, room).map((text) => line(`   ${text}`, 'accent'))]),
    [],
    [span('   Press '), span('r', 'key'), span(' to try again, '), span('q', 'key'), span(' to leave. `stepscope doctor` looks for causes.')],
  ];
}
