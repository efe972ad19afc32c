import { probeAddress, probeSocket } from '../../client/link-probe.ts';
import type { AddressAnswer } from '../../client/link-probe.ts';
import { formatDuration } from '../../core/format.ts';
import type { Check, Found } from './check.ts';

const answerTimeoutMs = 8_000;
/** The header that tells the time has whole seconds. */
const clockNoiseMs = 2_000;
/** Servers accept tokens from the future up to this. */
const clockLeewayMs = 30_000;

/** The way to the backend, before anybody signs in: address, key, clock, socket. */
export function linkChecks(link: { readonly url: string; readonly key: string }): readonly Check[] {
  const { url } = link;
  let asked: Promise<AddressAnswer> | undefined;
  const ask = (): Promise<AddressAnswer> => (asked ??= probeAddress(link, answerTimeoutMs));
  const answerIfAny = async (): Promise<AddressAnswer | undefined> => await ask().catch(() => undefined);
  return [
    {
      name: 'address',
      look: async () => {
        let answered: AddressAnswer;
        try {
          answered = await ask();
        } catch (error) {
          if (error instanceof Error && error.name === 'TimeoutError') {
            const what = `${url} did not answer within ${formatDuration(answerTimeoutMs)}`;
            return { result: 'problem', what, hint: 'The backend or the way to it is slow, or a firewall is between: look again in a while.' };
          }
          return {
            result: 'problem',
            what: `nobody answers at ${url}: ${reasonOf(error)}`,
            hint: 'Check the address, or start a backend there:',
            command: `stepscope serve --port ${portOf(url)}`,
          };
        }
        const took = `${url} answers in ${formatDuration(answered.tookMs)}`;
        if (answered.isBackend || answered.status === 401) return { result: 'ok', what: took };
        if (answered.status >= 500)
          return {
            result: 'problem',
            what: `${took}, with HTTP ${answered.status}: ${answered.message}`,
            hint: 'The server or the proxy before it is out of order; look into its log.',
          };
        return {
          result: 'problem',
          what: `something else answers at ${url}: HTTP ${answered.status}, and no Supabase API`,
          hint: `Another program has the port. Find it, or serve on another one:`,
          command: `ss -ltnp 'sport = :${portOf(url)}'`,
        };
      },
    },
    {
      name: 'key',
      look: async () => {
        const answered = await answerIfAny();
        if (answered === undefined) return unknown('the address does not answer');
        if (answered.status !== 401 && answered.status !== 403) return { result: 'ok', what: 'is accepted' };
        return {
          result: 'problem',
          what: `is refused: ${answered.message}`,
          hint: 'Of a local backend this shows the right ones; a hosted project has them under Settings, API Keys:',
          command: 'stepscope status --show-keys',
        };
      },
    },
    {
      name: 'clock',
      look: async () => {
        const ahead = (await answerIfAny())?.aheadMs;
        if (ahead === undefined) return unknown('the server does not tell its time');
        const off = Math.abs(ahead);
        if (off <= clockNoiseMs) return { result: 'ok', what: 'agrees with the server within 2 s' };
        const what = `${formatDuration(off)} ${ahead > 0 ? 'behind' : 'ahead of'} the server: it is ${new Date(Date.now() + ahead).toISOString()} there`;
        return {
          result: off > clockLeewayMs ? 'problem' : 'warning',
          what,
          hint: 'Tokens seem expired, or from the future. On the machine that is wrong:',
          command: 'sudo timedatectl set-ntp true',
        };
      },
    },
    {
      name: 'socket',
      look: async () => {
        const answer = await probeSocket(link, answerTimeoutMs);
        if (answer.opened) return { result: 'ok', what: `opens in ${formatDuration(answer.tookMs)}` };
        if (answer.status === undefined)
          return {
            result: 'problem',
            what: `does not open: ${answer.message}`,
            hint: 'Without it nothing arrives live. Is a firewall or a proxy between?',
          };
        if (answer.status === 401 || answer.status === 403)
          return {
            result: 'problem',
            what: `is refused: HTTP ${answer.status} ${answer.message}`,
            hint: 'The key or the address of origin is not accepted.',
          };
        return {
          result: 'problem',
          what: `is answered with HTTP ${answer.status} instead of an upgrade`,
          hint: 'A proxy before the server must pass WebSockets on: in nginx, `proxy_http_version 1.1` and the headers Upgrade and Connection for /realtime/.',
        };
      },
    },
  ];
}

const unknown = (why: string): Found => ({ result: 'warning', what: `not known: ${why}` });
const portOf = (url: string): string => new URL(url).port || (url.startsWith('https') ? '443' : '80');

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || String((error.cause as NodeJS.ErrnoException).code) : error.message;
}
