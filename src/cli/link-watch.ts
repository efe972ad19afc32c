import type { LinkState } from '../client/backend.ts';
import { formatDuration } from '../core/format.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { Io } from './io.ts';

export interface LinkWatch {
  readonly onLink: (link: LinkState) => void;
  /** Aborts, with the failure as its reason, when no backend has come back in time. */
  readonly gaveUp: AbortSignal;
  stop(): void;
}

/**
 * Tells a person on standard error that the link to the backend is lost, once, when it has been for `noticeMs`, and that it is
 * back. After `limitMs` without one it gives up: nobody should wait for ever for what may never come.
 */
export function watchLink(
  io: Pick<Io, 'err' | 'command'>,
  again: string,
  { noticeMs, limitMs }: { readonly noticeMs: number; readonly limitMs: number } = { noticeMs: limits.linkLostNoticeMs, limitMs: limits.linkLostMs },
): LinkWatch {
  const giveUp = new AbortController();
  let reason = '';
  let isLost = false;
  let isTold = false;
  let notice: NodeJS.Timeout | undefined;
  let limit: NodeJS.Timeout | undefined;

  const stop = (): void => {
    clearTimeout(notice);
    clearTimeout(limit);
  };
  const lost = (): void => {
    isLost = true;
    notice = setTimeout(() => {
      isTold = true;
      io.err(`link lost (${reason}), trying again`);
    }, noticeMs);
    limit = setTimeout(() => {
      giveUp.abort(
        new UserError('unavailable', `no backend came back within ${formatDuration(limitMs)}: ${reason}`, {
          hint: `Start one with \`${io.command('serve')}\`, then go on with \`${io.command(again)}\``,
        }),
      );
    }, limitMs);
  };
  return {
    gaveUp: giveUp.signal,
    stop,
    onLink(link) {
      if (link.state === 'lost') {
        reason = link.reason;
        if (!isLost) lost();
      } else if (link.state === 'live' && isLost) {
        stop();
        if (isTold) io.err('link is back');
        isLost = false;
        isTold = false;
      }
    },
  };
}
