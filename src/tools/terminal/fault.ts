import { isMainThread } from 'node:worker_threads';

/*
 * Loaded into the program that is checked (`NODE_OPTIONS=--import …`): on SIGUSR2 something goes wrong in it, in the
 * way that `STEPSCOPE_FAULT` says.
 */

const message = 'made to fail by a check';

const faults: Readonly<Record<string, () => void>> = {
  // Every row that is drawn is filled up with blanks.
  'a throw in render': () => {
    String.prototype.repeat = () => {
      throw new TypeError(message);
    };
  },
  'a throw in a timer': () => {
    setTimeout(() => {
      throw new TypeError(message);
    });
  },
  'a rejection nobody hears': () => void Promise.reject(new TypeError(message)),
  'process.exit': () => process.exit(3),
};

const fault = faults[process.env['STEPSCOPE_FAULT'] ?? ''];
if (isMainThread && fault !== undefined) process.on('SIGUSR2', fault);
