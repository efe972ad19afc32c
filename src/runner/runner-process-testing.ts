import { startRunner } from './start-runner.ts';

/*
 * A runner as a process of its own, for tests that kill it: `node runner-process-testing.ts URL KEY FILE…`. It says
 * `ready` and its id; SIGTERM closes it in order.
 */
const [url, secretKey, ...files] = process.argv.slice(2);
const runner = await startRunner({ url: url!, secretKey: secretKey!, files, bundled: false, onTrouble: (what) => process.stderr.write(`${what}\n`) });
process.once('SIGTERM', () => void runner.close().finally(() => process.exit(0)));
process.stdout.write(`ready ${runner.id}\n`);
