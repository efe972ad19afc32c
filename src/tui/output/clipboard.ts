/** Terminals drop longer OSC 52 sequences, some of them in silence. */
export const MAX_COPY_BYTES = 74_000;
/** GNU screen takes a string sequence of at most this many bytes. */
const SCREEN_CHUNK = 240;

/**
 * What tells the terminal to put text on the clipboard of the person's own machine, through SSH, tmux and
 * screen. Whether it does so cannot be known. tmux takes it as its own where `set-clipboard` is on, and passes the
 * wrapped one on where `allow-passthrough` is: neither is so by itself.
 */
export function copySequence(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  const sequence = `\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`;
  if (isInTmux(environment)) return `${sequence}\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`;
  if ((environment['TERM'] ?? '').startsWith('screen')) {
    const chunks = sequence.match(new RegExp(`[\\s\\S]{1,${SCREEN_CHUNK}}`, 'g')) ?? [];
    return chunks.map((chunk) => `\u001bP${chunk}\u001b\\`).join('');
  }
  return sequence;
}

/** tmux passes nothing on to the clipboard until it is told to. */
export function isInTmux(environment: Readonly<Record<string, string | undefined>>): boolean {
  return Boolean(environment['TMUX']);
}
