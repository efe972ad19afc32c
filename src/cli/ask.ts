import { createInterface } from 'node:readline/promises';
import { UserError } from '../protocol/error.ts';

/** Asks a person for a line. Throws `usage` naming `flag` where there is no terminal to ask on. */
export async function ask(question: string, flag: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UserError('usage', `${flag} is needed where there is no terminal to ask on`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await terminal.question(question)).trim();
    if (answer === '') throw new UserError('usage', 'nothing was typed');
    return answer;
  } finally {
    terminal.close();
  }
}

const enter = new Set(['\r', '\n', '\u0004']);
const erase = new Set(['\u007F', '\b']);
const interrupt = '\u0003';

/** Asks for a secret, which is shown nowhere while it is typed. */
export async function askSecretly(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    throw new UserError('usage', 'the password is needed where there is no terminal to ask on', { hint: 'Give --password as @file, env:NAME or -.' });
  }
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  try {
    let typed: readonly string[] = [];
    for await (const chunk of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      for (const character of chunk) {
        if (character === interrupt) throw new UserError('usage', 'nobody was signed in');
        if (enter.has(character)) {
          if (typed.length === 0) throw new UserError('usage', 'nothing was typed');
          return typed.join('');
        }
        typed = erase.has(character) ? typed.slice(0, -1) : [...typed, character];
      }
    }
    throw new UserError('usage', 'the input ended before a password was typed');
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
