import { parameterLimits, measureValue, sanitiseJson, sanitiseJsonText, sanitiseText } from './sanitise.ts';

/*
 * How values cross the border between JavaScript and Postgres, the same in both drivers: rows come out as
 * JSON values, spelled as Postgres itself spells them in JSON.
 */

/** Type OIDs of the catalog; they never change. */
const oid = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

/** A parameter on its way to a driver: text, or an array whose meaning (array or JSON) its type decides. */
export type Parameter = string | null | readonly unknown[];

/** Turns what a caller passed into what a driver sends. Objects become JSON here; the rest is text. */
export function toParameter(value: unknown): Parameter {
  switch (typeof value) {
    case 'string':
      return sanitiseText(value);
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return value.toISOString();
      if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
      if (!Array.isArray(value)) return sanitiseJson(value);
      measureValue(value, parameterLimits);
      return value;
    case 'undefined':
      return null;
    case 'function':
    case 'symbol':
      throw new TypeError(`a ${typeof value} is no SQL parameter`);
  }
}

/** `2026-11-21 01:02:03.5+00` → `2026-11-21T01:02:03.5+00:00` */
function toIsoTimestamp(text: string): string {
  return text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00');
}

/** Numbers beyond what JavaScript holds exactly stay text. */
function toInteger(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

function toJson(value: unknown): string {
  return typeof value === 'string' ? sanitiseJsonText(value) : sanitiseJson(value);
}

function toScalar(value: unknown): string {
  return typeof value === 'object' && value !== null ? sanitiseJson(value) : sanitiseText(String(value));
}

/** Postgres's text of a value to JSON, by type OID. Other types stay text. Array types follow their elements. */
export const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  [oid.bool]: (text) => text === 't',
  [oid.int2]: Number,
  [oid.int4]: Number,
  [oid.oid]: Number,
  [oid.int8]: toInteger,
  [oid.float4]: Number,
  [oid.float8]: Number,
  [oid.numeric]: Number,
  [oid.json]: (text) => JSON.parse(text) as unknown,
  [oid.jsonb]: (text) => JSON.parse(text) as unknown,
  [oid.date]: String,
  [oid.time]: String,
  [oid.timestamp]: toIsoTimestamp,
  [oid.timestamptz]: toIsoTimestamp,
  [oid.bytea]: String,
};

/** A parameter to Postgres's text, by type OID. Text for JSON is JSON text, as in every other client. */
export const serializers: Readonly<Record<number, (value: unknown) => string>> = Object.fromEntries(
  Object.values(oid).map((type) => [type, type === oid.json || type === oid.jsonb ? toJson : toScalar]),
);
