import { testPostgres } from '../storage/testing.ts';

/* The Postgres of a test run. It has a process of its own, for the package behind it ends its process with status 0. */

const server = await testPostgres();
process.send!(server.url);
process.once('disconnect', () => void server.stop().then(() => process.exit()));
