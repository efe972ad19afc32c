import { readFileSync } from 'node:fs';
import { UserError } from '../protocol/error.ts';

/**
 * A secret as people may name it on a command line or in a config file: `-` (standard input), `@file` or
 * `env:NAME`. A literal is refused: everyone on the machine can read a process list, and shells keep
 * histories.
 */
export function readSecret(reference: string, what: string): string {
  const secret = lookUp(reference, what).trim();
  if (secret === '') throw new UserError('usage', `${what} is empty in ${reference === '-' ? 'standard input' : reference}`);
  return secret;
}

function lookUp(reference: string, what: string): string {
  if (reference === '-') return readFileSync(0, 'utf8');
  if (reference.startsWith('@')) {
    try {
      return readFileSync(reference.slice(1), 'utf8');
    } catch (error) {
      throw new UserError('usage', `${what}: cannot read ${reference.slice(1)}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (reference.startsWith('env:')) {
    const value = process.env[reference.slice(4)];
    if (value === undefined) throw new UserError('usage', `${what}: the environment has no ${reference.slice(4)}`);
    return value;
  }
  throw new UserError('usage', `${what} must not stand on the command line itself`, {
    hint: 'Give it as env:NAME, @file, or - for standard input.',
  });
}
