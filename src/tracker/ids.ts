import { randomFillSync } from 'node:crypto';
import { uuidv7 } from '../core/uuid.ts';

const pool = new Uint8Array(8_000);
let used = pool.length;

/** A new id. Randomness is drawn in bulk: a log line must not wait for it. */
export function newId(): string {
  if (used + 10 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 10;
  return uuidv7(Date.now(), pool.subarray(used - 10, used));
}
