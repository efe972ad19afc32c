import type { Backend } from '../../client/backend.ts';
import type { UserError } from '../../protocol/error.ts';
import type { StateFile } from '../../protocol/state-file.ts';
import { sessionStoreOf } from '../profiles.ts';
import { findBackend } from './find-backend.ts';
import type { Remote, Settings } from '../settings.ts';

interface RemoteOptions extends Pick<Settings, 'readOnly'> {
  /** The session has ended while we were connected. */
  readonly onEnded?: ((why: UserError) => void) | undefined;
}

/** As the person whose machine this is: the local admin user. A backend that comes back elsewhere is found again by its data directory. */
export async function connectLocal(state: StateFile, { readOnly, dataDir }: Pick<Settings, 'readOnly' | 'dataDir'>): Promise<Backend> {
  const { connectBackend } = await import('../../client/connect-backend.ts');
  const findAgain = async () => {
    const found = await findBackend(dataDir);
    return found && { url: found.url, key: found.publishableKey };
  };
  return await connectBackend({ url: state.url, key: state.publishableKey, session: state.localUser, readOnly, findAgain });
}

/**
 * As whom the profile or the key says. A publishable key says nobody: then `STEPSCOPE_EMAIL` and
 * `STEPSCOPE_PASSWORD` sign in.
 */
export async function connectRemote({ url, key, profile }: Remote, { readOnly, onEnded }: RemoteOptions): Promise<Backend> {
  const { connectBackend } = await import('../../client/connect-backend.ts');
  if (profile !== undefined) return await connectBackend({ url, key, session: { store: sessionStoreOf(process.env, profile) }, readOnly, onEnded });
  const email = process.env['STEPSCOPE_EMAIL'];
  const password = process.env['STEPSCOPE_PASSWORD'];
  const session = email && password ? { email, password } : undefined;
  return await connectBackend({ url, key, session, readOnly });
}
