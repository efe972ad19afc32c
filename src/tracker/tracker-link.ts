import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { findTarget, tellTrouble } from './configure.ts';
import { openLinkThread } from './link-thread.ts';
import type { PortLink } from './run-port.ts';
import type { RunLink } from './sink.ts';

/** A link to nobody: a tracker without a backend works within its process and records nothing. */
const nowhere: PortLink = {
  flushNow: () => true,
  sink: { write: () => undefined, flush: async () => undefined, close: async () => undefined },
  controls: { follow: async () => () => undefined, settle: async () => false, leave: async () => true, lease: async () => undefined },
};

/** A link that is made when the first row is written, so that making a tracker costs and touches nothing. */
export function linkOnUse(run: { readonly runId: string; readonly pipelineKey: string | null; readonly isKept: boolean; readonly holderId?: string | undefined }): PortLink {
  let made: PortLink | undefined;
  const link = () => (made ??= run.isKept ? openLink(run) : nowhere);
  const unmade: RunLink = nowhere;
  return {
    flushNow: (timeoutMs) => (made ?? nowhere).flushNow(timeoutMs),
    sink: {
      write: (rows) => link().sink.write(rows),
      flush: () => (made ?? unmade).sink.flush(),
      close: () => (made ?? unmade).sink.close(),
    },
    controls: {
      follow: (feed) => link().controls.follow(feed),
      settle: (commandId, state, reason) => link().controls.settle(commandId, state, reason),
      leave: () => link().controls.leave(),
      lease: () => link().controls.lease(),
    },
  };
}

function openLink({ runId, pipelineKey, holderId }: { readonly runId: string; readonly pipelineKey: string | null; readonly holderId?: string | undefined }): PortLink {
  const target = findTarget();
  if ('missing' in target) {
    tellTrouble(`nothing is recorded: ${target.missing}. Start one with \`stepscope\`, or call configure({ url, key }).`);
    return nowhere;
  }
  return openLinkThread(target, { runId, pipelineKey, holderId: holderId ?? `${hostname()}:${process.pid}:${randomUUID()}` });
}
