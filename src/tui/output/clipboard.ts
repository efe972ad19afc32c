/** Terminals drop longer OSC 52 sequences, some of them in silence. */
export const MAX_COPY_BYTES = 74_000;
/** GNU screen takes a string sequence of at most this many bytes. */
const SCREEN_CHUNK = 240;

/**
 * What tells the terminal to put text on the clipboard of the person's own machine, through SSH, tmux and
 * screen. Whether it does so cannot be known.
 */
export function copySequence(text: string, environment: Readonly<Record<string, string | undefined>>): string {
  const sequence = `\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`;
  if (environment['TMUX']) return `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`;
  if ((environment['TERM'] ?? '').startsWith('screen')) {
    const chunks = sequence.match(new RegExp(`[\\s\\S]{1,${SCREEN_CHUNK}}`, 'g')) ?? [];
    return chunks.map((chunk) => `\u001bP${chunk}\u001b\\`).join('');
  }
  return sequence;
}
