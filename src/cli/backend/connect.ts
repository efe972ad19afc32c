import type { Backend } from '../../client/backend.ts';
import type { StateFile } from '../../protocol/state-file.ts';

/** As the person whose machine this is: the local admin user. */
export async function connectLocal(state: StateFile): Promise<Backend> {
  const { connectBackend } = await import('../../client/connect-backend.ts');
  return await connectBackend({ url: state.url, key: state.publishableKey, session: state.localUser });
}

/**
 * As whom the key says. A publishable key says nobody: then `STEPSCOPE_EMAIL` and `STEPSCOPE_PASSWORD` sign
 * in.
 */
export async function connectRemote(remote: { readonly url: string; readonly key: string }): Promise<Backend> {
  const { connectBackend } = await import('../../client/connect-backend.ts');
  const email = process.env['STEPSCOPE_EMAIL'];
  const password = process.env['STEPSCOPE_PASSWORD'];
  const session = email && password ? { email, password } : undefined;
  return await connectBackend({ url: remote.url, key: remote.key, session });
}
