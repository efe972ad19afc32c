const ENTER = '\u001b[?1049h';
const CLEAR_AND_HOME = '\u001b[2J\u001b[H';

/**
 * The terminal for Ink, which draws relative to the cursor: whenever it enters the alternate screen, at the
 * start and after a suspension, the cursor goes home on a clear screen first. Terminals keep it where the
 * other screen had it, behind a prompt or what was typed ahead.
 */
export function fullScreen(stdout: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    const text = typeof chunk === 'string' ? chunk.replace(ENTER, ENTER + CLEAR_AND_HOME) : chunk;
    return (stdout.write as (...all: readonly unknown[]) => boolean).call(stdout, text, ...rest);
  };
  return new Proxy(stdout, {
    get(target, key) {
      if (key === 'write') return write;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
