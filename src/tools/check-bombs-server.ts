import { startTestBackend } from '../server/testing.ts';

/*
 * The target of check-bombs: a whole backend in a process of its own. It also runs the one bomb that no
 * request can carry, a statement that never ends.
 */

const backend = await startTestBackend();
process.send!({ url: backend.url, secret: backend.keys.secretKey });

process.on('message', (command: string) => void obey(command));

async function obey(command: string): Promise<void> {
  if (command === 'stop') {
    await backend.stop();
    process.exit();
  }
  const outcome = await backend.database
    .asOwner((transaction) => transaction.query('select count(*) from generate_series(1, 100000000000)'))
    .then(
      () => 'answered',
      (error: { readonly name: string; readonly code?: string }) => `${error.name} ${error.code}`,
    );
  process.send!({ outcome });
}
