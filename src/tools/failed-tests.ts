import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { styleText } from 'node:util';

/**
 * Reads what vitest's JSON reporter wrote: the files with a failed test go to standard output, one a line, and each
 * failure with the beginning of its message to standard error. Ends with status 1 when there is nothing to read, or
 * when what failed is no test (then trying again is no help).
 */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] | null }[];
  }[];
}

/** Of each message: the sentence, what was expected, and where. */
const MESSAGE_LINES = 12;

const report = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Report;
const failed = report.testResults.filter((file) => file.status === 'failed');
for (const { name, message, assertionResults } of failed) {
  const file = relative(process.cwd(), name);
  console.log(file);
  const tests = assertionResults.filter((test) => test.status === 'failed');
  if (tests.length === 0) console.error(`${styleText('red', 'failed')} ${file}\n${beginning(message ?? '')}`);
  for (const test of tests) console.error(`${styleText('red', 'failed')} ${file}: ${test.fullName}\n${beginning(test.failureMessages?.join('\n') ?? '')}`);
}
if (failed.length === 0) {
  console.error('No test failed, and yet the run of the tests did.');
  process.exitCode = 1;
}

function beginning(text: string): string {
  return text.split('\n').slice(0, MESSAGE_LINES).map((line) => `    ${line}`).join('\n');
}
