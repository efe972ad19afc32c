import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { connectHolder } from '../client/connect-holder.ts';
import { keepRun } from './keep-run.ts';
import type { LinkWorkerData, OpenRun } from './link-thread.ts';
import { serveRun } from './run-port.ts';
import { openSpool, spooledRuns } from './spool.ts';
import { createWriteBehind } from './write-behind.ts';

/*
 * The thread that keeps the runs of a traced program: requests, sockets and timers are here, so that the
 * program neither waits for them nor is kept alive by them, and heartbeats go on while a step spins.
 */

const { url, secretKey, spoolDir, troubles } = workerData as LinkWorkerData;
const holder = connectHolder({ url, secretKey });
const own = new Set<string>();

parentPort!.on('message', ({ runId, holderId, pipelineKey, port }: OpenRun & { readonly port: MessagePort }) => {
  own.add(runId);
  const link = keepRun({
    holder,
    runId,
    holderId,
    pipelineKey,
    spool: openSpool(spoolDir, runId),
    onTrouble: (what) => troubles.postMessage(what),
    onHolderLost: () => troubles.postMessage(`run ${runId} is executed by another process now; this one records no more of it`),
  });
  serveRun(port, link);
});

// What earlier processes had to leave behind.
for (const runId of spooledRuns(spoolDir)) {
  if (own.has(runId)) continue;
  void createWriteBehind({ holder, runId, holderId: 'spool', spool: openSpool(spoolDir, runId) }).flush();
}
