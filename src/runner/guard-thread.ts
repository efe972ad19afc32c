type Stream = 'stdout' | 'stderr';

/** A thread in which strangers' code runs. */
export interface ThreadGuard {
  /** Rejects at the first exception nobody caught and the first rejection nobody handled. */
  readonly crashed: Promise<never>;
  /** Hears what is printed, in whole lines, as many as came together; what was printed before comes at once. */
  readonly onOutput: (listener: (stream: Stream, lines: string) => void) => void;
  /** Hands out what was printed without an end of line; at the end of whatever printed it. */
  readonly flush: () => void;
}

/**
 * Takes hold of what code can do to its thread: `onExit` is told of `process.exit` before it happens, what is
 * printed becomes lines, and errors that would end the thread become a promise.
 */
export function guardThread(onExit: (code: number, stack: string) => void): ThreadGuard {
  const { promise: crashed, reject } = Promise.withResolvers<never>();
  crashed.catch(() => {});
  process.on('uncaughtException', (error) => reject(error));
  process.on('unhandledRejection', (reason) => reject(reason));

  const exit = process.exit.bind(process);
  const standIn: typeof process.exit = (code) => {
    const place = new Error(`process.exit(${code ?? ''})`);
    // From who called it on, without this stand-in.
    Error.captureStackTrace(place, standIn);
    onExit(Number(code ?? process.exitCode ?? 0), place.stack ?? '');
    return exit(code);
  };
  process.exit = standIn;

  let listener: ((stream: Stream, lines: string) => void) | undefined;
  const waiting: [Stream, string][] = [];
  const rest: Record<Stream, string> = { stdout: '', stderr: '' };
  const tell = (stream: Stream, lines: string): void => {
    if (lines.trim() === '') return;
    if (listener) listener(stream, lines);
    else waiting.push([stream, lines]);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream].write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
      const text = rest[stream] + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
      const end = text.lastIndexOf('\n');
      rest[stream] = text.slice(end + 1);
      tell(stream, text.slice(0, Math.max(end, 0)));
      const done = [encoding, callback].find((one): one is () => void => typeof one === 'function');
      if (done) queueMicrotask(done);
      return true;
    }) as typeof process.stdout.write;
  }

  return {
    crashed,
    onOutput: (hear) => {
      listener = hear;
      for (const [stream, lines] of waiting.splice(0)) hear(stream, lines);
    },
    flush: () => {
      for (const stream of ['stdout', 'stderr'] as const) {
        tell(stream, rest[stream]);
        rest[stream] = '';
      }
    },
  };
}
