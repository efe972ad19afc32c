import { anonClient } from '../server/testing-clients.ts';
import { startTestBackend } from '../server/testing.ts';

/*
 * The target of check-fuzz: a whole backend in a process of its own, with somebody who has signed in.
 */

const backend = await startTestBackend();
const { data } = await anonClient(backend).auth.signInWithPassword(backend.admin);
const functions = await backend.database.asOwner(async (owner) => {
  const { rows } = await owner.query<{ name: string }>(
    `select distinct proname as name from pg_proc where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype order by 1`,
  );
  return rows.map(({ name }) => name);
});
process.send!({ url: backend.url, ...backend.keys, token: data.session!.access_token, functions });

process.once('message', () => void backend.stop().then(() => process.exit()));
