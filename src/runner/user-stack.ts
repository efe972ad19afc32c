import { RunCancelled } from '../tracker/gate-keeper.ts';
import { isOurs } from './module-hooks.ts';

/**
 * A stack for the author of a pipeline: without the frames of stepscope and Node that called their code. What
 * their code called stays, and at least one frame does.
 */
export function userStack(stack: string): string {
  const lines = stack.split('\n');
  const first = lines.findIndex(isFrame);
  if (first === -1) return stack;
  let end = lines.findLastIndex(isFrame);
  while (end > first && isFrame(lines[end]!) && isCaller(lines[end]!)) end--;
  const last = lines.findLastIndex(isFrame);
  return [...lines.slice(0, end + 1), ...lines.slice(last + 1)].join('\n');
}

const isFrame = (line: string): boolean => /^\s+at /.test(line);

function isCaller(frame: string): boolean {
  if (/\((?:<anonymous>|native)\)|^\s+at <anonymous>$/.test(frame)) return true;
  const url = /(?:\(|at (?:async )?)((?:file|node):[^\s)]+?)(?::\d+){0,2}\)?$/.exec(frame)?.[1];
  return url !== undefined && (url.startsWith('node:') || isOurs(url));
}

/** What a pipeline threw, in words. */
export function messageOf(error: unknown): string {
  if (error instanceof RunCancelled) return error.message;
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return typeof error === 'string' ? error : `the step threw ${JSON.stringify(error) ?? String(error)}`;
}

/** The stack for the author with the stacks of what caused it; undefined for what is no error. */
export function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = userStack(error.stack ?? `${error.name}: ${error.message}`);
  const cause = error.cause === undefined ? undefined : stackOf(error.cause);
  return cause === undefined ? own : `${own}\nCaused by: ${cause}`;
}
