/** What a tracker does when its process ends. */
export interface Ending {
  /** Nothing is left to do, and the process would end by itself. */
  readonly onIdle: () => Promise<void>;
  /** The process ends now: with this status, or by this signal. Must not take longer than a moment; nothing asynchronous happens any more. */
  readonly onExit: (how: { readonly code: number; readonly error: unknown } | { readonly signal: NodeJS.Signals }) => void;
}

const endings = new Set<Ending>();
let uncaught: unknown;
let isListening = false;
const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Has `ending` told of the end of the process. The process itself ends as it would have: by the same signal, with the same status. */
export function watchProcessEnd(ending: Ending): () => void {
  endings.add(ending);
  if (!isListening) listen();
  return () => {
    endings.delete(ending);
    if (endings.size === 0) unlisten();
  };
}

function listen(): void {
  isListening = true;
  process.on('beforeExit', onBeforeExit);
  process.on('exit', onExit);
  process.on('uncaughtExceptionMonitor', onUncaught);
  for (const signal of signals) process.on(signal, onSignal);
}

// With nothing to see to, a listener for a signal would only be in the way of its default.
function unlisten(): void {
  isListening = false;
  process.off('beforeExit', onBeforeExit);
  process.off('exit', onExit);
  process.off('uncaughtExceptionMonitor', onUncaught);
  for (const signal of signals) process.off(signal, onSignal);
}

function onBeforeExit(): void {
  for (const ending of endings) void ending.onIdle().catch(() => undefined);
}

function onExit(code: number): void {
  for (const ending of endings) ending.onExit({ code, error: uncaught });
}

function onUncaught(error: unknown): void {
  uncaught = error;
}

function onSignal(signal: NodeJS.Signals): void {
  // A program with a listener of its own decides itself what the signal means.
  if (process.listenerCount(signal) > 1) return;
  for (const ending of endings) ending.onExit({ signal });
  process.off(signal, onSignal);
  process.kill(process.pid, signal);
}
