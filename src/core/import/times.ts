import type { Json } from '../../protocol/json.ts';

/** A number of seconds, milliseconds, microseconds or nanoseconds since 1970 is told apart by its size. */
const units: readonly { readonly above: number; readonly perMs: number }[] = [
  { above: 1e17, perMs: 1e6 },
  { above: 1e14, perMs: 1e3 },
  { above: 1e11, perMs: 1 },
  { above: 0, perMs: 1e-3 },
];

/** A time as logs write it, as ISO 8601 in UTC; undefined when it is none. Microseconds are kept. */
export function timeOf(value: Json | undefined): string | undefined {
  if (typeof value === 'number' || (typeof value === 'string' && /^\d{9,20}(?:\.\d+)?$/.test(value))) return ofEpoch(String(value));
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return undefined;
  const iso8601 = value.trim().replace(' ', 'T').replace(',', '.');
  // A time without a zone is taken for UTC: where it was written nobody says.
  const ms = Date.parse(/T.*(?:Z|[+-]\d\d:?\d\d)$/i.test(iso8601) || !iso8601.includes('T') ? iso8601 : `${iso8601}Z`);
  if (Number.isNaN(ms)) return undefined;
  const micros = /[.,]\d{3}(\d{1,3})/.exec(value)?.[1]?.padEnd(3, '0');
  const iso = new Date(ms).toISOString();
  return micros === undefined ? iso : iso.replace('Z', `${micros}Z`);
}

/** Nanoseconds since 1970, as OpenTelemetry has them, as ISO 8601 with microseconds: what a database keeps. */
export function ofNanos(nanos: bigint): string {
  const ms = Number(nanos / 1_000_000n);
  if (nanos < 0n || ms > 8.64e15) return new Date(0).toISOString();
  const micros = String((nanos / 1000n) % 1000n).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${micros}Z`);
}

function ofEpoch(text: string): string | undefined {
  const size = Number(text);
  if (!(size > 1e8)) return undefined;
  if (/^\d{18,20}$/.test(text)) return ofNanos(BigInt(text));
  const { perMs } = units.find(({ above }) => size > above)!;
  const ms = size / perMs;
  return ms > 8.64e15 ? undefined : new Date(ms).toISOString();
}
