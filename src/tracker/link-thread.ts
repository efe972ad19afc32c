import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { Target } from './configure.ts';
import { dataDirectory, tellTrouble } from './configure.ts';
import type { PortLink } from './run-port.ts';
import { linkThroughPort } from './run-port.ts';

export interface LinkWorkerData {
  readonly url: string;
  readonly secretKey: string;
  readonly spoolDir: string;
  /** Where the thread says, in a sentence each, what a person should know. */
  readonly troubles: MessagePort;
}

export interface OpenRun {
  readonly runId: string;
  readonly holderId: string;
  readonly pipelineKey: string | null;
}

/** One thread for each backend, whatever the number of runs. */
const threads = new Map<string, Worker>();

/** A link that another thread keeps: it costs the traced program the posting of its rows, and does not keep it alive. */
export function openLinkThread(target: Target, run: OpenRun): PortLink {
  const thread = threads.get(target.url) ?? startThread(target);
  const { port1, port2 } = new MessageChannel();
  thread.postMessage({ ...run, port: port2 }, [port2]);
  return linkThroughPort(port1, { background: true });
}

function startThread({ url, secretKey }: Target): Worker {
  const file = new URL(import.meta.url.endsWith('.ts') ? './link-worker.ts' : './link-worker.js', import.meta.url);
  const { port1: troubles, port2 } = new MessageChannel();
  const workerData: LinkWorkerData = { url, secretKey, spoolDir: join(dataDirectory(), 'spool'), troubles: port2 };
  // Neither the program's flags nor its environment are the thread's business.
  const thread = new Worker(file, { workerData, transferList: [port2], execArgv: [], name: 'stepscope' });
  troubles.on('message', tellTrouble);
  troubles.unref();
  // A program may end before its loop comes round to what the thread has said.
  process.once('exit', () => {
    for (let last = receiveMessageOnPort(troubles); last !== undefined; last = receiveMessageOnPort(troubles)) tellTrouble(last.message as string);
  });
  thread.on('error', (error) => {
    threads.delete(url);
    tellTrouble(`recording has ended: ${error.message}`);
  });
  thread.unref();
  threads.set(url, thread);
  return thread;
}
