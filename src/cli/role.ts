import type { Backend } from '../client/backend.ts';
import { UserError } from '../protocol/error.ts';

/**
 * Throws `forbidden` for somebody without the role that shows runs and pipelines: policies hide every row from
 * them, and that there is nothing would be said of a backend that has much. To be asked where nothing was found.
 */
export async function assertRole(backend: Pick<Backend, 'identity' | 'isAdmin'>): Promise<void> {
  if (await backend.isAdmin()) return;
  const { identity } = backend;
  if (identity === 'anon') {
    throw new UserError('unauthorized', 'nobody is signed in: runs and pipelines are for administrators', {
      hint: 'Sign in with `stepscope login`, or set STEPSCOPE_EMAIL and STEPSCOPE_PASSWORD.',
    });
  }
  throw new UserError('forbidden', `${identity} has no role: runs and pipelines are for administrators`, {
    hint: `Whoever has the secret key makes them one: \`stepscope user promote ${identity}\``,
  });
}
