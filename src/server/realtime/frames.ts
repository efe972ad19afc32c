import { z } from 'zod';
import { Json } from '../../protocol/json.ts';

/** Serializer versions a realtime client can ask for with `vsn=`. */
export type FrameVersion = '1.0.0' | '2.0.0';

/** One message of the Phoenix protocol, whatever its form on the wire. */
export interface Frame {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: Json | BroadcastPayload;
}

/** What one client says to the others on a channel. Binary contents only exist in version 2.0.0. */
export interface BroadcastPayload {
  readonly type: 'broadcast';
  readonly event: string;
  readonly payload: Json | Uint8Array;
}

const Ref = z
  .string()
  .max(255)
  .nullish()
  .transform((ref) => ref ?? null);
const Name = z.string().max(255);
const ObjectFrame = z.object({ topic: Name, event: Name, payload: Json.optional(), ref: Ref, join_ref: Ref });
const ArrayFrame = z.tuple([Ref, Ref, Name, Name, Json]);

const kinds = { userBroadcastPush: 3, userBroadcast: 4 } as const;
const encodings = { binary: 0, json: 1 } as const;

/** Reads a text frame. Throws on anything that is not one. */
export function decodeText(version: FrameVersion, text: string): Frame {
  const data: unknown = JSON.parse(text);
  if (version === '1.0.0') {
    const { topic, event, payload, ref, join_ref: joinRef } = ObjectFrame.parse(data);
    return { joinRef, ref, topic, event, payload: payload ?? null };
  }
  const [joinRef, ref, topic, event, payload] = ArrayFrame.parse(data);
  return { joinRef, ref, topic, event, payload };
}

/** Reads a binary frame, which can only be a client's broadcast. Throws on anything else. */
export function decodeBinary(bytes: Uint8Array): Frame {
  const [kind, ...header] = bytes.subarray(0, 7);
  if (kind !== kinds.userBroadcastPush || header.length < 6) throw new Error(`no frame is of kind ${kind}`);
  let at = 7;
  const [joinRef, ref, topic, event] = header.slice(0, 5).map((length) => {
    if (at + length > bytes.length) throw new Error('the frame ends inside its header');
    const text = Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
    at += length;
    return text;
  }) as [string, string, string, string, string];
  const body = bytes.subarray(at);
  const payload = header[5] === encodings.json ? Json.parse(JSON.parse(Buffer.from(body).toString('utf8'))) : body;
  return { joinRef: joinRef || null, ref: ref || null, topic, event: 'broadcast', payload: { type: 'broadcast', event, payload } };
}

/** Writes a frame in the form the client reads: text, or bytes for a broadcast in version 2.0.0. */
export function encodeFrame(version: FrameVersion, frame: Frame): string | Uint8Array {
  const { joinRef, ref, topic, event, payload } = frame;
  if (version === '1.0.0') return JSON.stringify({ topic, event, payload, ref, join_ref: joinRef });
  if (isBroadcast(frame) && [topic, frame.payload.event].every(fitsHeader)) return encodeBroadcast(topic, frame.payload);
  return JSON.stringify([joinRef, ref, topic, event, payload]);
}

/** True for a broadcast whose contents only version 2.0.0 can carry. */
export function isBinaryBroadcast(payload: BroadcastPayload): boolean {
  return payload.payload instanceof Uint8Array;
}

function isBroadcast(frame: Frame): frame is Frame & { readonly payload: BroadcastPayload } {
  return frame.event === 'broadcast' && frame.ref === null;
}

/** A length takes one byte. Longer names come from version 1 and from HTTP, and go as text. */
const fitsHeader = (name: string): boolean => Buffer.byteLength(name) <= 255;

function encodeBroadcast(topic: string, { event, payload }: BroadcastPayload): Uint8Array {
  const isBinary = payload instanceof Uint8Array;
  const names = [Buffer.from(topic), Buffer.from(event)];
  const body = isBinary ? payload : Buffer.from(JSON.stringify(payload ?? {}));
  const header = [kinds.userBroadcast, ...names.map((name) => name.length), 0, isBinary ? encodings.binary : encodings.json];
  return Buffer.concat([Buffer.from(header), ...names, body]);
}

/** A `postgres_changes` message whose `data` is JSON text already, as it is the same for many clients. */
export function encodeChange(version: FrameVersion, topic: string, ids: readonly number[], data: string): string {
  const payload = `{"ids":${JSON.stringify(ids)},"data":${data}}`;
  if (version === '1.0.0')
    return `{"topic":${JSON.stringify(topic)},"event":"postgres_changes","payload":${payload},"ref":null,"join_ref":null}`;
  return `[null,null,${JSON.stringify(topic)},"postgres_changes",${payload}]`;
}
