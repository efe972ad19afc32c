import { startTestBackend } from '../server/testing.ts';

/*
 * The target of check-slow-readers: a server in a process of its own, so that its memory is nobody else's. The
 * database is Postgres, which has processes of its own too.
 */

const backend = await startTestBackend({ engine: 'postgres' });
process.send!({ url: backend.url, secret: backend.keys.secretKey });
const timer = setInterval(() => process.send!({ memoryBytes: process.memoryUsage.rss() }), 100);

process.once('disconnect', () => process.exit());
process.once('message', () => {
  clearInterval(timer);
  void backend.stop().then(() => process.exit());
});
