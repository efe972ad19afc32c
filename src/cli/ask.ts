import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { printable } from '../core/format.ts';
import { UserError } from '../protocol/error.ts';

/** Asks a person for a line. Throws `usage` naming `flag` where there is no terminal to ask on. */
export async function ask(question: string, flag: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UserError('usage', `${flag} is needed where there is no terminal to ask on`);
  return given((await readAnswer(question, process.stderr)).trim());
}

/** Asks for a secret, which is shown nowhere while it is typed. */
export async function askSecretly(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new UserError('usage', 'the password is needed where there is no terminal to ask on', {
      hint: 'Give --password as @file, env:NAME or -.',
    });
  }
  try {
    return given(await readAnswer(question, nowhere()));
  } finally {
    process.stderr.write('\n');
  }
}

/** Both questions are read the same way: a stream that readline has paused is not to be had by an iterator of its own. */
async function readAnswer(asked: string, echo: NodeJS.WritableStream): Promise<string> {
  const question = printable(asked);
  const terminal = createInterface({ input: process.stdin, output: echo, terminal: true, historySize: 0 });
  try {
    // Only now does the terminal itself echo nothing: who answers at once is not shown either.
    if (echo !== process.stderr) process.stderr.write(question);
    // Some versions of Node reject the question on Ctrl+C, and others leave it open for ever.
    const left = once(terminal, 'close').then(() => undefined);
    const answer = await Promise.race([terminal.question(question).catch(() => undefined), left]);
    if (answer === undefined) throw new UserError('usage', 'nobody was signed in');
    return answer;
  } finally {
    terminal.close();
  }
}

function given(answer: string): string {
  if (answer === '') throw new UserError('usage', 'nothing was typed');
  return answer;
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
