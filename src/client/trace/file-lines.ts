import { createHash, type Hash } from 'node:crypto';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';

/** One line of a file, without its end. `offset` is where it begins, in bytes; `number` counts from 1. */
export interface FileLine {
  readonly number: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** False for a last line that no newline ends. */
  readonly isEnded: boolean;
}

const NEWLINE = 0x0a;

/**
 * The lines of a stream, as many together as arrived together, so that ten million of them cost no ten million turns.
 * Empty lines count but are left out. Bytes are only valid until the next lines are asked for.
 *
 * @throws UserError `too-large` for a line over `maxBytes`, naming it.
 */
export async function* fileLines(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes = limits.traceLineBytes, number = 0, offset = 0 }: { readonly maxBytes?: number; readonly number?: number; readonly offset?: number } = {},
): AsyncGenerator<readonly FileLine[]> {
  let rest: Uint8Array[] = [];
  let restLength = 0;
  const tooLong = (): UserError =>
    new UserError('too-large', `line ${number + 1} is longer than ${maxBytes} bytes`, { hint: 'Is it text, with a line for each record?' });

  for await (const chunk of chunks) {
    const lines: FileLine[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, to);
      const bytes = restLength === 0 ? piece : Buffer.concat([...rest, piece], restLength + piece.length);
      if (bytes.length > maxBytes) throw tooLong();
      rest = [];
      restLength = 0;
      number++;
      if (bytes.length > 0) lines.push({ number, offset, bytes, isEnded: true });
      offset += bytes.length + 1;
      from = to + 1;
    }
    if (from < chunk.length) {
      // A copy: the chunk may be one that is filled again.
      rest.push(Uint8Array.prototype.slice.call(chunk, from));
      restLength += chunk.length - from;
      if (restLength > maxBytes) throw tooLong();
    }
    if (lines.length > 0) yield lines;
  }
  if (restLength > 0) yield [{ number: number + 1, offset, bytes: Buffer.concat(rest, restLength), isEnded: false }];
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text of a line. Throws `usage` that names it when it is no UTF-8. */
export function lineText(line: FileLine): string {
  try {
    return decoder.decode(line.bytes);
  } catch {
    throw new UserError('usage', `line ${line.number} is not text in UTF-8`, { hint: 'Is it a file of another kind?' });
  }
}

/** The checksum of a trace, fed with its lines. */
export function lineHash(): { readonly add: (line: FileLine) => void; readonly digest: () => string } {
  const hash: Hash = createHash('sha256');
  return {
    add: (line) => {
      hash.update(line.bytes);
      if (line.isEnded) hash.update('\n');
    },
    digest: () => hash.digest('hex'),
  };
}
