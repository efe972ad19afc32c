import { Session } from 'node:inspector/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { isMainThread, type Worker } from 'node:worker_threads';
import { z } from 'zod';

/** How long a thread that only spins may take to show its stack. */
const PATIENCE_MS = 5_000;

const Attached = z.object({ params: z.object({ sessionId: z.string(), workerInfo: z.object({ title: z.string() }) }) });
const Received = z.object({ params: z.object({ message: z.string() }) });
const Paused = z.object({
  method: z.literal('Debugger.paused'),
  params: z.object({ callFrames: z.array(z.object({ functionName: z.string(), location: z.object({ scriptId: z.string(), lineNumber: z.int(), columnNumber: z.int().default(0) }) })) }),
});

const ScriptParsed = z.object({ method: z.literal('Debugger.scriptParsed'), params: z.object({ scriptId: z.string(), url: z.string() }) });

/**
 * Where a thread is that does not answer: the lines of a stack, innermost first, as `Error.stack` has them. It
 * goes on running afterwards.
 *
 * Asked through the debugger that Node has for its own threads; undefined when it does not tell in time.
 */
export async function stackOfThread(thread: Worker): Promise<string | undefined> {
  const session = new Session();
  const paused = Promise.withResolvers<string | undefined>();
  const urls = new Map<string, string>();
  let target: string | undefined;
  const tell = (method: string): void => {
    const message = JSON.stringify({ id: 1, method });
    void session.post('NodeWorker.sendMessageToWorker', { sessionId: target!, message }).catch(() => {});
  };
  session.on('NodeWorker.attachedToWorker', (event) => {
    const { sessionId, workerInfo } = Attached.parse(event).params;
    if (!workerInfo.title.startsWith(`[worker ${thread.threadId}]`)) return;
    target = sessionId;
    tell('Debugger.enable');
    tell('Debugger.pause');
  });
  session.on('NodeWorker.receivedMessageFromWorker', (event) => {
    const message: unknown = JSON.parse(Received.parse(event).params.message);
    const script = ScriptParsed.safeParse(message).data?.params;
    if (script) urls.set(script.scriptId, script.url);
    const frames = Paused.safeParse(message).data?.params.callFrames;
    if (frames) paused.resolve(frames.map((frame) => frameLine(frame, urls)).join('\n'));
  });
  try {
    // Threads, however deep, are known to the debugger of the main thread.
    if (isMainThread) session.connect();
    else session.connectToMainThread();
    await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return await Promise.race([paused.promise, wait(PATIENCE_MS, undefined, { ref: false })]);
  } catch {
    return undefined;
  } finally {
    // A thread that stays halted could not even be ended.
    if (target !== undefined) {
      tell('Debugger.disable');
      await wait(50);
      await Promise.race([session.post('NodeWorker.detach', { sessionId: target }).catch(() => {}), wait(200)]);
    }
    session.disconnect();
  }
}

function frameLine({ functionName, location }: z.infer<typeof Paused>['params']['callFrames'][number], urls: ReadonlyMap<string, string>): string {
  const place = `${urls.get(location.scriptId) ?? '<unknown>'}:${location.lineNumber + 1}:${location.columnNumber + 1}`;
  return functionName === '' ? `    at ${place}` : `    at ${functionName} (${place})`;
}
