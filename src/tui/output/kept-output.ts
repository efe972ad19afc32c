/** More than this of what others write while the screen is ours is dropped, the oldest first. */
const MAX_KEPT_CHARACTERS = 64 * 1024;

/** What libraries and Node itself write to the standard streams while the screen is ours. */
export interface KeptOutput {
  /** Lets the streams go, and writes there what was kept. */
  release(): void;
}

/** A warning in the middle of the screen helps nobody: it is kept, and said on the primary screen afterwards. */
export function keepOutput(streams: readonly NodeJS.WriteStream[]): KeptOutput {
  const kept = streams.map((stream) => {
    const write = Reflect.get(stream, 'write') as typeof stream.write;
    let text = '';
    stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      text = (text + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))).slice(-MAX_KEPT_CHARACTERS);
      const callback = typeof encoding === 'function' ? encoding : done;
      if (typeof callback === 'function') process.nextTick(callback as () => void);
      return true;
    }) as typeof stream.write;
    return () => {
      stream.write = write;
      const said = text;
      text = '';
      if (said !== '') stream.write(said);
    };
  });
  let isReleased = false;
  return {
    release() {
      if (isReleased) return;
      isReleased = true;
      for (const release of kept) release();
    },
  };
}
