import { parentPort, workerData } from 'node:worker_threads';
import { UserError } from '../../protocol/error.ts';
import { drawPicture, type PictureJob } from './picture-job.ts';

/* One picture: `workerData` in, one message out. What is wrong with it is said, not thrown. */
try {
  parentPort!.postMessage({ drawn: await drawPicture(workerData as PictureJob) });
} catch (error) {
  parentPort!.postMessage({ problem: error instanceof UserError ? { code: error.code, message: error.message, hint: error.hint } : { code: 'failed', message: `the picture is broken: ${error instanceof Error ? error.message : String(error)}` } });
}
