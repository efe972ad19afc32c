import { logNames } from '../../core/import/jsonl.ts';
import { limits } from '../../protocol/limits.ts';
import { fieldTable, scanObject, skipSpace, type FieldTable } from './json-scanner.ts';
import { isLogRow, ROW_START } from './line-facts.ts';
import type { TextPlaces } from './text-finder.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

type Places = { -readonly [Name in keyof TextPlaces]: TextPlaces[Name] };

/** Of rows of the log, each as one JSON object. */
export function rowPlaces(): TextPlaces {
  return placesAfter(0, () => true);
}

/** Of rows of the log as traces write them. */
export function tracePlaces(): TextPlaces {
  return placesAfter(ROW_START.length, isLogRow);
}

function placesAfter(start: number, isRow: (bytes: Uint8Array, from: number, to: number) => boolean): TextPlaces {
  const fields = fieldTable(['message', 'data']);
  const places: Places = {
    messageFrom: 0, messageTo: 0, restFrom: 0, restTo: 0,
    find(bytes, from, to) {
      if (!isRow(bytes, from, to) || scanObject(bytes, from + start, to, fields) === -1 || fields.from[1] === -1) return false;
      places.restFrom = fields.from[1]!;
      places.restTo = fields.to[1]!;
      return isPlainText(bytes, fields, 0, places);
    },
  };
  return places;
}

/** Of lines with one JSON object each, whoever logged them. */
export function logPlaces(): TextPlaces {
  const fields = fieldTable(logNames.message);
  const places: Places = {
    messageFrom: 0, messageTo: 0, restFrom: 0, restTo: 0,
    find(bytes, from, to) {
      // The message of a longer line is cut.
      if (to - from > limits.eventBytes || scanObject(bytes, skipSpace(bytes, from, to), to, fields) === -1) return false;
      // All that has no column of its own is data.
      places.restFrom = from;
      places.restTo = to;
      const first = fields.from.findIndex((at) => at !== -1 && bytes[at] === QUOTE);
      return first !== -1 && isPlainText(bytes, fields, first, places);
    },
  };
  return places;
}

/** Is the field a text in which nothing is escaped? Then it is the message. */
function isPlainText(bytes: Uint8Array, fields: FieldTable, number: number, places: Places): boolean {
  const from = fields.from[number]!;
  if (from === -1 || bytes[from] !== QUOTE) return false;
  places.messageFrom = from + 1;
  places.messageTo = fields.to[number]! - 1;
  for (let at = places.messageFrom; at < places.messageTo; at += 1) if (bytes[at] === BACKSLASH) return false;
  return true;
}
