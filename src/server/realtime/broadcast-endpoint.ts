import { z } from 'zod';
import { Json } from '../../protocol/json.ts';
import type { Claims, Database } from '../../storage/database.ts';
import { errorResponse } from '../rest-error.ts';
import type { Hub } from './hub.ts';
import { mayUsePrivateTopics } from './private-topic.ts';

const Message = z.object({
  topic: z.string().min(1),
  event: z.string().min(1),
  payload: Json.optional(),
  private: z.boolean().default(false),
});
const Messages = z.object({ messages: z.array(Message).max(1_000) });

/**
 * Broadcast without a socket: `POST /realtime/v1/api/broadcast` with a list of messages, or
 * `POST …/broadcast/<topic>/events/<event>` with one payload. 202: it was handed on, to whoever listens.
 */
export async function answerBroadcast(
  hub: Hub,
  database: Database,
  claims: Claims,
  method: string,
  url: URL,
  body: string,
): Promise<Response> {
  if (method !== 'POST') return errorResponse({ status: 405, code: 'usage', message: 'broadcasts are sent with POST' });
  const messages = readMessages(url, body);
  if (messages === undefined) {
    return errorResponse({
      status: 422,
      code: 'usage',
      message: 'a broadcast needs a topic and an event',
      hint: 'Send {"messages": [{"topic", "event", "payload"}]}',
    });
  }
  if (messages.some((message) => message.private) && !(await mayUsePrivateTopics(database, claims))) {
    return errorResponse({ status: 403, code: 'forbidden', message: 'private channels are for administrators and secret keys' });
  }
  for (const { topic, event, payload, private: isPrivate } of messages) {
    hub.rooms.broadcast({ topic: `realtime:${topic}`, isPrivate }, { type: 'broadcast', event, payload: payload ?? {} });
  }
  return new Response(null, { status: 202, headers: { 'access-control-allow-origin': '*' } });
}

function readMessages(url: URL, body: string): readonly z.infer<typeof Message>[] | undefined {
  let json: unknown;
  try {
    json = body === '' ? {} : JSON.parse(body);
  } catch {
    return undefined;
  }
  const [, topic, event] = /\/broadcast\/([^/]+)\/events\/([^/]+)$/.exec(url.pathname) ?? [];
  const candidate =
    topic === undefined || event === undefined
      ? json
      : {
          messages: [
            {
              topic: decodeURIComponent(topic),
              event: decodeURIComponent(event),
              payload: json,
              private: url.searchParams.get('private') === 'true',
            },
          ],
        };
  return Messages.safeParse(candidate).data?.messages;
}
