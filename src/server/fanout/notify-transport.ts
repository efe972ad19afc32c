import { randomUUID } from 'node:crypto';
import { UserError } from '../../protocol/error.ts';
import type { Database } from '../../storage/database.ts';
import { maxMessageBytes, type Transport } from './transport.ts';

const fanoutChannel = 'stepscope_fanout';
/** A payload of NOTIFY must stay below 8,000 bytes; this leaves room for the part's number. */
const maxPartBytes = 7_900;
/** Bytes that wait for the database. Beyond, messages are refused: what comes late is of no use to a room. */
const maxQueuedBytes = 16 * 1024 * 1024;
/** Bytes handed over in one transaction, or one message when it is larger. */
const maxBatchBytes = 1024 * 1024;

interface Waiting {
  readonly parts: readonly string[];
  readonly bytes: number;
  readonly sent: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * LISTEN and NOTIFY of the database. A long message goes in numbered parts of one transaction, which Postgres
 * hands to every listener uninterrupted, so nothing of it is stored and nothing is left to clean up.
 */
export async function openNotifyTransport(database: Database, receive: (text: string) => void): Promise<Transport> {
  const waiting: Waiting[] = [];
  let queuedBytes = 0;
  let working: Promise<void> | undefined;

  function takeBatch(): readonly Waiting[] {
    let [count, taken] = [0, 0];
    while (count < waiting.length && (count === 0 || taken + waiting[count]!.bytes <= maxBatchBytes)) {
      taken += waiting[count]!.bytes;
      count += 1;
    }
    queuedBytes -= taken;
    return waiting.splice(0, count);
  }

  async function work(): Promise<void> {
    while (waiting.length > 0) {
      const batch = takeBatch();
      try {
        await database.asOwner(
          async (transaction) =>
            await transaction.query(
              'select pg_notify($1, part) from jsonb_array_elements_text($2::jsonb) with ordinality as parts (part, number) order by number',
              [fanoutChannel, JSON.stringify(batch.flatMap(({ parts }) => parts))],
            ),
        );
        for (const { sent } of batch) sent();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
  }

  const unlisten = await database.listen(fanoutChannel, joinParts(receive));
  return {
    async publish(text) {
      const parts = partsOf(text);
      const bytes = parts.length * maxPartBytes;
      if (queuedBytes + bytes > maxQueuedBytes || bytes > maxMessageBytes)
        throw new UserError('unavailable', 'the database does not take messages as fast as they come');
      queuedBytes += bytes;
      const done = new Promise<void>((resolve, reject) => waiting.push({ parts, bytes, sent: resolve, failed: reject }));
      working ??= work().finally(() => (working = undefined));
      await done;
    },
    async close() {
      await working;
      await unlisten();
    },
  };
}

/** `<message> <number>/<count> <text>`, all in ASCII so that a character is a byte. */
function partsOf(text: string): readonly string[] {
  const ascii = text.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const id = randomUUID().slice(0, 8);
  const size = maxPartBytes - 30;
  const count = Math.ceil(ascii.length / size);
  return Array.from({ length: count }, (_, at) => `${id} ${at + 1}/${count} ${ascii.slice(at * size, (at + 1) * size)}`);
}

/** Puts messages together. One whose beginning came while nobody listened is left out. */
function joinParts(receive: (text: string) => void): (part: string) => void {
  let message: { readonly id: string; readonly parts: string[] } | undefined;
  return (part) => {
    const [, id, number, count, text] = /^(\S+) (\d+)\/(\d+) (.*)$/s.exec(part) ?? [];
    if (id === undefined || text === undefined || Number(count) * maxPartBytes > maxMessageBytes) return;
    if (Number(number) === 1) message = { id, parts: [] };
    if (message?.id !== id || message.parts.length !== Number(number) - 1) return;
    message.parts.push(text);
    if (message.parts.length < Number(count)) return;
    const whole = message.parts.join('');
    message = undefined;
    receive(whole);
  };
}
