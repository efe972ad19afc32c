import { didYouMean } from './closest.ts';
import { UserError } from '../protocol/error.ts';

/**
 * The ways the simulator can behave, and what a caller sees of each. `ok` is the default.
 */
export const behaviours = {
  ok: 'starts, processes, succeeds, calls the webhook once',
  slow: 'as ok, four times slower',
  fail: 'the prediction fails: "NSFW content detected. Try a different prompt."',
  'create-422': 'creating answers 422: the input is refused',
  'create-500': 'creating answers 500, and nothing was created',
  'rate-limit': 'creating answers 429 with Retry-After twice, then ok',
  stuck: 'stays in processing for ever',
  'webhook-lost': 'succeeds, and never calls the webhook',
  'webhook-bad-signature': 'calls the webhook with a signature of another secret',
  'webhook-old': 'calls the webhook with a correct signature of an hour ago',
  'webhook-twice': 'calls the webhook twice with the same id',
} as const;
export type BehaviourName = keyof typeof behaviours;

export interface Behaviour {
  readonly name: BehaviourName;
  /** The provider's words when the prediction fails; {@link behaviours} has the default. */
  readonly words?: string | undefined;
  /** Factor on every wait of the simulator: 1 is a believable provider, 0 does not wait. */
  readonly latency: number;
}

/**
 * Reads what people write after `--simulate` or in `STEPSCOPE_SIMULATE`: a behaviour, `latency=…`, or both,
 * separated by commas. `fail:words` makes the provider say these words.
 *
 * Examples: `fail`, `fail:CUDA out of memory`, `latency=0`, `webhook-twice,latency=0.2`.
 */
export function parseBehaviour(text: string | undefined): Behaviour {
  let behaviour: Behaviour = { name: 'ok', latency: 1 };
  for (const part of (text ?? '').split(',').map((part) => part.trim())) {
    if (part === '') continue;
    const latency = /^latency=(.*)$/.exec(part);
    behaviour = latency ? { ...behaviour, latency: parseLatency(latency[1]!) } : { ...behaviour, ...parseName(part) };
  }
  return behaviour;
}

function parseLatency(text: string): number {
  const latency = Number(text);
  if (text.trim() !== '' && latency >= 0 && latency <= 100) return latency;
  throw new UserError('usage', `latency is "${text}"`, { hint: 'Give a factor from 0 to 100: latency=0 does not wait, latency=1 is usual' });
}

function parseName(part: string): Pick<Behaviour, 'name' | 'words'> {
  const [name, ...words] = part.split(':');
  if (!Object.hasOwn(behaviours, name!)) {
    throw new UserError('usage', `the simulator has no behaviour "${name}"`, {
      hint: didYouMean(name!, Object.keys(behaviours)) ?? `It knows ${Object.keys(behaviours).join(', ')}`,
    });
  }
  return { name: name as BehaviourName, ...(words.length > 0 && { words: words.join(':').trim() }) };
}
