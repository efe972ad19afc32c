import type { MessagePort, Worker } from 'node:worker_threads';
import type { PauseLease } from '../core/command-rules.ts';
import type { LeaseReport } from '../protocol/lease.ts';
import type { BreakpointRow, CommandRow } from '../protocol/rows.ts';
import type { ControlFeed } from '../client/holder.ts';
import type { LinkState, Unsubscribe } from '../client/backend.ts';
import type { RunLink, Rows } from './sink.ts';

/** What travels between a tracker and the thread that keeps its run. Both ends are of one program and one version. */
type ToKeeper =
  | { readonly type: 'rows'; readonly rows: Rows }
  | { readonly type: 'flush' | 'close' | 'follow' | 'leave' | 'lease'; readonly call: number }
  | { readonly type: 'flush-now'; readonly done: SharedArrayBuffer }
  | { readonly type: 'unfollow' }
  | {
      readonly type: 'settle';
      readonly call: number;
      readonly commandId: string;
      readonly state: 'accepted' | 'done' | 'refused';
      readonly reason?: string | undefined;
    };

type ToTracker =
  | { readonly type: 'answer'; readonly call: number; readonly value: boolean }
  | { readonly type: 'lease-answer'; readonly call: number; readonly lease: PauseLease | undefined; readonly failure: string | undefined }
  | { readonly type: 'command'; readonly command: CommandRow }
  | { readonly type: 'breakpoints'; readonly breakpoints: readonly BreakpointRow[]; readonly times: Readonly<Record<string, number>> | undefined }
  | { readonly type: 'lease'; readonly report: Exclude<LeaseReport, { readonly state: 'none' }> }
  | { readonly type: 'holder-lost' }
  | { readonly type: 'link'; readonly link: LinkState };

/** Messages of ours carry this, so that a port may carry others besides. */
const CHANNEL = 'stepscope.run';

type Port = Pick<MessagePort | Worker, 'postMessage' | 'on' | 'off' | 'ref' | 'unref'>;

/** A link whose keeper is another thread. */
export interface PortLink extends RunLink {
  /**
   * Blocks this thread until all is stored or spooled, `timeoutMs` at most: for the moment in which a
   * process ends and nothing asynchronous happens any more. False when time ran out.
   */
  readonly flushNow: (timeoutMs: number) => boolean;
}

/**
 * The tracker's end: a link whose other half is {@link serveRun} in the thread behind `port`. With
 * `background` the port keeps the process alive only while a flush is awaited.
 */
export function linkThroughPort(port: Port, { background = false } = {}): PortLink {
  const calls = new Map<number, (value: boolean) => void>();
  const leaseCalls = new Map<number, { readonly resolve: (lease: PauseLease | undefined) => void; readonly reject: (why: Error) => void }>();
  /** Calls for whose answer a process that has nothing else to do shall wait. */
  const urgent = new Set<number>();
  let callCount = 0;
  let feed: ControlFeed | undefined;
  let isClosed = false;

  const post = (message: ToKeeper) => port.postMessage({ channel: CHANNEL, message });
  const call = async (message: (call: number) => ToKeeper, { isUrgent = false } = {}): Promise<boolean> => {
    if (isClosed) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    callCount += 1;
    calls.set(callCount, resolve);
    if (isUrgent) urgent.add(callCount);
    if (background && isUrgent) port.ref();
    post(message(callCount));
    return await promise;
  };
  const onMessage = (envelope: { readonly channel?: string; readonly message: ToTracker }) => {
    if (envelope?.channel !== CHANNEL) return;
    const { message } = envelope;
    switch (message.type) {
      case 'answer':
        calls.get(message.call)?.(message.value);
        calls.delete(message.call);
        if (urgent.delete(message.call) && background && urgent.size === 0) port.unref();
        return;
      case 'lease-answer': {
        const asked = leaseCalls.get(message.call);
        leaseCalls.delete(message.call);
        return message.failure === undefined ? asked?.resolve(message.lease) : asked?.reject(new Error(message.failure));
      }
      case 'command':
        return feed?.onCommand(message.command);
      case 'breakpoints':
        return feed?.onBreakpoints(message.breakpoints, message.times);
      case 'lease':
        return feed?.onLease?.(message.report);
      case 'holder-lost':
        return feed?.onHolderLost?.();
      case 'link':
        return feed?.onLink?.(message.link);
    }
  };
  port.on('message', onMessage);
  if (background) port.unref();
  // The thread has died: what is awaited of it will not come.
  port.on('close', () => {
    isClosed = true;
    for (const resolve of calls.values()) resolve(false);
    calls.clear();
    for (const { reject } of leaseCalls.values()) reject(new Error('the thread that keeps the run has ended'));
    leaseCalls.clear();
  });

  return {
    flushNow: (timeoutMs) => {
      if (isClosed) return true;
      const done = new SharedArrayBuffer(4);
      post({ type: 'flush-now', done });
      return Atomics.wait(new Int32Array(done), 0, 0, timeoutMs) !== 'timed-out';
    },
    sink: {
      write: (rows) => {
        if (!isClosed) post({ type: 'rows', rows });
      },
      flush: async () => void (await call((call) => ({ type: 'flush', call }), { isUrgent: true })),
      close: async () => {
        await call((call) => ({ type: 'close', call }), { isUrgent: true });
        isClosed = true;
        port.off('message', onMessage);
      },
    },
    controls: {
      follow: async (wanted) => {
        feed = wanted;
        await call((call) => ({ type: 'follow', call }));
        return () => {
          feed = undefined;
          if (!isClosed) post({ type: 'unfollow' });
        };
      },
      settle: (commandId, state, reason) => call((call) => ({ type: 'settle', call, commandId, state, reason })),
      leave: () => call((call) => ({ type: 'leave', call })),
      lease: async () => {
        if (isClosed) return undefined;
        const { promise, resolve, reject } = Promise.withResolvers<PauseLease | undefined>();
        callCount += 1;
        leaseCalls.set(callCount, { resolve, reject });
        post({ type: 'lease', call: callCount });
        return await promise;
      },
    },
  };
}

/** The keeper's end. */
export interface ServedRun {
  /** Stops listening to the port. The link stays open: it is the keeper's. */
  readonly stop: () => void;
}

/** Wakes the thread that stands still until all is stored. */
async function flushFor(done: SharedArrayBuffer, link: RunLink): Promise<void> {
  await link.sink.flush();
  const flag = new Int32Array(done);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}

async function answerTo(call: number, work: Promise<boolean | void>): Promise<ToTracker> {
  try {
    return { type: 'answer', call, value: (await work) ?? true };
  } catch {
    return { type: 'answer', call, value: false };
  }
}

async function leaseTo(call: number, link: RunLink): Promise<ToTracker> {
  try {
    return { type: 'lease-answer', call, lease: await link.controls.lease(), failure: undefined };
  } catch (error) {
    return { type: 'lease-answer', call, lease: undefined, failure: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Carries out over `link` what the tracker behind `port` asks for. `onRows` sees all rows first: a
 * supervisor learns from them what was under way when a step spins or its thread dies.
 */
export function serveRun(port: Port, link: RunLink, onRows?: (rows: Rows) => void): ServedRun {
  let unfollow: Unsubscribe | undefined;
  const post = (message: ToTracker) => port.postMessage({ channel: CHANNEL, message });
  const answer = (call: number, work: Promise<boolean | void>) => {
    // A call that fails is answered with no: the tracker then leaves the command to others.
    void answerTo(call, work).then(post);
  };
  const feed: ControlFeed = {
    onCommand: (command) => post({ type: 'command', command }),
    onBreakpoints: (breakpoints, times) => post({ type: 'breakpoints', breakpoints, times }),
    onLease: (report) => post({ type: 'lease', report }),
    onHolderLost: () => post({ type: 'holder-lost' }),
    onLink: (link) => post({ type: 'link', link }),
  };
  const follow = async () => {
    unfollow?.();
    unfollow = await link.controls.follow(feed);
  };
  const onMessage = (envelope: { readonly channel?: string; readonly message: ToKeeper }) => {
    if (envelope?.channel !== CHANNEL) return;
    const { message } = envelope;
    switch (message.type) {
      case 'rows':
        onRows?.(message.rows);
        return link.sink.write(message.rows);
      case 'flush':
        return answer(message.call, link.sink.flush());
      case 'flush-now':
        return void flushFor(message.done, link);
      case 'close':
        unfollow?.();
        return answer(message.call, link.sink.close());
      case 'follow':
        return answer(message.call, follow());
      case 'leave':
        return answer(message.call, link.controls.leave());
      case 'lease':
        return void leaseTo(message.call, link).then(post);
      case 'unfollow':
        return unfollow?.();
      case 'settle':
        return answer(message.call, link.controls.settle(message.commandId, message.state, message.reason));
    }
  };
  port.on('message', onMessage);
  return {
    stop: () => {
      unfollow?.();
      port.off('message', onMessage);
    },
  };
}
