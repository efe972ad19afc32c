import { parentPort, workerData } from 'node:worker_threads';

/* Asks for the health of a server every 10 ms, in a thread of its own, so that only the server is measured. */

const { url } = workerData as { readonly url: string };
const samples: number[] = [];
let failures = 0;
const over = new AbortController();
parentPort!.on('message', () => {
  over.abort();
});

while (!over.signal.aborted) {
  const startedAt = performance.now();
  const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  await response?.arrayBuffer();
  // 503 is an answer too: the server lives and says that its database does not.
  if (!response || ![200, 503].includes(response.status)) failures += 1;
  samples.push(performance.now() - startedAt);
  await new Promise((resolve) => {
    setTimeout(resolve, 10);
  });
}
parentPort!.postMessage({ samples, failures });
parentPort!.close();
