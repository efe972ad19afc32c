import type { RawData, WebSocket } from 'ws';
import type { Json } from '../../protocol/json.ts';
import { reportBug } from '../bug-report.ts';
import type { Identity } from '../identity.ts';
import { joinChannel, type Channel, type Wire } from './channel.ts';
import {
  decodeBinary,
  decodeText,
  encodeChange,
  encodeFrame,
  isBinaryBroadcast,
  type BroadcastPayload,
  type Frame,
  type FrameVersion,
} from './frames.ts';
import type { Hub } from './hub.ts';
import { createOutbox, type Outbox } from './outbox.ts';

const maxChannels = 100;
/** Frames of a client that may wait to be worked on; while there are as many, no more are read. */
const maxWaitingFrames = 32;
/** WebSocket close code: data of a kind that is not understood. */
const unsupportedData = 1003;

/** Serves one client: reads its frames in order and keeps the channels it has joined. Answers with the way to it. */
export function serveConnection(
  hub: Hub,
  socket: WebSocket,
  version: FrameVersion,
  client: { readonly identity: Identity; readonly address: string },
): Outbox {
  const outbox = createOutbox(socket);
  const channels = new Map<string, Channel>();
  /** Frames are worked on one after the other, as joining waits for the database. */
  let last: Promise<void> = Promise.resolve();
  let waitingFrames = 0;

  const wire: Wire = {
    send(frame) {
      // What only version 2 can carry is not for readers of version 1.
      if (version === '1.0.0' && frame.event === 'broadcast' && isBinaryBroadcast(frame.payload as BroadcastPayload)) return;
      outbox.send(encodeFrame(version, frame));
    },
    sendChange: (topic, ids, data) => outbox.send(encodeChange(version, topic, ids, data)),
  };
  const reply = ({ joinRef, ref, topic }: Frame, status: 'ok' | 'error', response: Json = {}): void =>
    wire.send({ joinRef, ref, topic, event: 'phx_reply', payload: { status, response } });

  async function handle(frame: Frame): Promise<void> {
    const { topic, event } = frame;
    if (topic === 'phoenix') return reply(frame, event === 'heartbeat' ? 'ok' : 'error');
    if (event === 'phx_join') return await join(frame);
    const channel = channels.get(topic);
    if (event === 'phx_leave') return leave(frame, channel);
    // Frames of an earlier join of the same topic are late, not wrong.
    if (channel === undefined || (frame.joinRef !== null && frame.joinRef !== channel.joinRef))
      return reply(frame, 'error', { reason: 'unmatched topic' });
    await channel.receive(frame);
  }

  async function join(frame: Frame): Promise<void> {
    const { topic } = frame;
    if (!topic.startsWith('realtime:') || topic === 'realtime:')
      return reply(frame, 'error', { reason: 'unmatched topic: topics begin with realtime:' });
    const earlier = channels.get(topic);
    if (earlier === undefined && channels.size >= maxChannels)
      return reply(frame, 'error', { reason: `more than ${maxChannels} channels on one connection` });
    if (earlier !== undefined) {
      earlier.end();
      channels.delete(topic);
      wire.send({ joinRef: earlier.joinRef, ref: earlier.joinRef, topic, event: 'phx_close', payload: {} });
    }
    const channel = await joinChannel(hub, wire, client, frame, () => channels.delete(topic));
    if (channel === undefined) return;
    // The client may have gone while the database was asked.
    if (socket.readyState === socket.OPEN) channels.set(topic, channel);
    else channel.end();
  }

  function leave(frame: Frame, channel: Channel | undefined): void {
    reply(frame, 'ok');
    // Left late: the topic has been joined anew.
    if (channel === undefined || (frame.joinRef !== null && frame.joinRef !== channel.joinRef)) return;
    channel.end();
    channels.delete(frame.topic);
    wire.send({ ...frame, event: 'phx_close', payload: {} });
  }

  socket.on('message', (data: RawData, isBinary: boolean) => {
    let frame: Frame;
    try {
      const bytes = data as Buffer;
      frame = isBinary ? decodeBinary(bytes) : decodeText(version, bytes.toString('utf8'));
    } catch {
      socket.close(unsupportedData, 'not a frame of this protocol version');
      return;
    }
    waitingFrames += 1;
    if (waitingFrames === maxWaitingFrames) socket.pause();
    last = last
      .then(async () => await handle(frame))
      .catch((error: unknown) => reportBug('a frame could not be worked on', error))
      .finally(() => {
        waitingFrames -= 1;
        if (socket.isPaused && waitingFrames === 0) socket.resume();
      });
  });
  socket.on('close', () => {
    for (const channel of channels.values()) channel.end();
    channels.clear();
  });
  return outbox;
}
