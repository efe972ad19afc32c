import { Webhook } from 'standardwebhooks';
import { UserError } from '../../protocol/error.ts';
import type { WebhookDelivery } from './webhook-listener.ts';

/**
 * The body of a webhook, once its signature and its age are right: signed by Standard Webhooks with the
 * provider's secret, at most five minutes old or ahead.
 *
 * Throws `forbidden` with the reason; nothing of the body may be used then.
 */
export function verifyWebhook(delivery: WebhookDelivery, secret: string): { readonly id: string; readonly sentAt: string; readonly payload: unknown } {
  try {
    const payload = new Webhook(secret).verify(delivery.body, { ...delivery.headers });
    const seconds = Number(delivery.headers['webhook-timestamp']);
    return { id: delivery.headers['webhook-id']!, sentAt: new Date(seconds * 1000).toISOString(), payload };
  } catch (error) {
    throw new UserError('forbidden', `the webhook is not the provider's: ${reason(error)}`, {
      cause: error,
      hint: 'Somebody else knows the address, or the signing secret was rotated',
    });
  }
}

function reason(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  if (/too old/.test(words)) return 'it was signed more than five minutes ago';
  if (/too new/.test(words)) return 'it was signed more than five minutes ahead of this clock';
  if (/required headers/.test(words)) return 'it has no signature';
  if (/matching signature/.test(words)) return 'its signature does not match the secret';
  return words;
}
