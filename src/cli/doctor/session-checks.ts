import type { Diagnosis } from '../../client/diagnosis.ts';
import { formatRelative } from '../../core/format.ts';
import type { Check } from './check.ts';
import type { Subject } from './subject.ts';

/** A token that ends sooner is about to be refreshed. */
const soonMs = 5 * 60_000;
const clockLeewayMs = 30_000;

/** Who we are, and for how long. */
export function sessionChecks({ backend, command }: Subject): readonly Check[] {
  if (backend === undefined) return [];
  const { diagnosis } = backend;
  return [
    {
      name: 'signed in',
      look: async () => {
        if (backend.identity === 'service_role') return { result: 'ok', what: 'with a secret key, which sees everything' };
        if (backend.identity !== 'anon') return { result: 'ok', what: `as ${backend.identity}` };
        return { result: 'problem', what: 'no: a publishable key alone sees nothing', command: command('login') };
      },
    },
    { name: 'token', look: async () => await lookAtToken(diagnosis, command) },
  ];
}

async function lookAtToken(diagnosis: Diagnosis, command: Subject['command']): ReturnType<Check['look']> {
  const token = await diagnosis.token();
  if (token === undefined) return { result: 'ok', what: 'none: the key speaks for itself' };
  const now = Date.now();
  const { issuedAtMs = now, expiresAtMs = Infinity } = token;
  if (issuedAtMs > now + clockLeewayMs) {
    return {
      result: 'problem',
      what: `was made ${formatRelative(issuedAtMs, now)}: this clock is behind`,
      command: 'sudo timedatectl set-ntp true',
    };
  }
  const ends =
    expiresAtMs === Infinity ? 'does not expire' : `${expiresAtMs <= now ? 'expired' : 'expires'} ${formatRelative(expiresAtMs, now)}`;
  if (expiresAtMs > now + soonMs) return { result: 'ok', what: ends };
  if (!token.canRefresh)
    return { result: expiresAtMs <= now ? 'problem' : 'warning', what: `${ends}, and cannot be refreshed`, command: command('login') };
  try {
    await diagnosis.refreshToken();
    return { result: 'ok', what: `${ends}; refreshed` };
  } catch (error) {
    return { result: 'problem', what: `${ends}: ${(error as Error).message}`, command: command('login') };
  }
}
