import { formatRelative, printable, shortId } from '../../core/format.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import type { CommentRow } from '../../protocol/debug-rows.ts';
import type { RunRow, StepRow } from '../../protocol/rows.ts';
import type { Io } from '../io.ts';

/** What was said about a run: who, when, of what, and the words beneath. */
export function commentLines(comments: readonly CommentRow[], run: Pick<RunRow, 'step_tree'>, steps: readonly StepRow[], io: Io): readonly string[] {
  const displays = new Map([...flattenSteps(run.step_tree ?? []).map((step) => [step.key, step.display] as const), ...steps.map((step) => [step.step_key, step.display] as const)]);
  return comments.flatMap((comment) => {
    const { step_key, log_id, path } = comment;
    const about = [step_key === null ? '' : `step ${displays.get(step_key) ?? step_key}`, log_id === null ? '' : `line ${log_id}`, path ?? ''].filter(Boolean).join(' ');
    const head = [comment.author_name ?? 'somebody', formatRelative(Date.parse(comment.created_at), Date.now()), about, comment.resolved ? 'settled' : ''].filter(Boolean).join(', ');
    const body = printable(comment.body, { multiline: true }).split('\n');
    return [io.paint(comment.resolved ? 'muted' : 'strong', `${printable(head)}  ${shortId(comment.id)}`), ...body.map((line) => `  ${line}`)];
  });
}
