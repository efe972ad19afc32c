import { formatDuration } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { publishedTables } from '../../protocol/rows.ts';
import { findUnseenTables } from './access-checks.ts';
import { NotKnown } from './check.ts';
import type { Check } from './check.ts';
import { nameOf } from './subject.ts';
import type { Subject } from './subject.ts';

/** Later than this, live is not what people would call it. */
const slowDeliveryMs = 1_000;
/** What has not arrived by then is lost. */
const deliveryPatienceMs = 3_000;

/** Whether changes arrive: every table can be followed, and a row that is written comes back. */
export function liveChecks(subject: Subject): readonly Check[] {
  const { backend, command, hasRights, isOther, persona } = subject;
  if (backend === undefined) return [];
  const { diagnosis } = backend;
  return [
    {
      name: 'live tables',
      look: async (signal) => {
        const refused = await Promise.all(
          publishedTables.map(async (table) => {
            try {
              await diagnosis.subscribe({ table }, () => {}, signal);
              return [];
            } catch (error) {
              return [{ table, why: (error as Error).message }];
            }
          }),
        );
        const [first] = refused.flat();
        if (first === undefined) {
          const what = `all ${publishedTables.length} can be followed`;
          const unseen = isOther ? await findUnseenTables(subject) : [];
          if (unseen.length === 0) return { result: 'ok', what };
          return { result: 'warning', what: `${what}, but not by ${nameOf(persona)}, who sees no row of ${unseen.join(', ')}` };
        }
        if (!hasRights && /permission/i.test(first.why)) throw new NotKnown('it takes the rights of an administrator');
        const isHosted = (await backend.diagnosis.status()) === undefined;
        const tables = refused.flat().map(({ table }) => table);
        const cure = {
          hint: 'In a hosted project Realtime must be enabled for them:',
          command: command('doctor --mend'),
          sql: tables.map((table) => `alter publication supabase_realtime add table public.${table};`).join(' '),
        };
        return { result: 'problem', what: `cannot follow ${tables.join(', ')}: ${first.why}`, ...(isHosted ? cure : {}) };
      },
    },
    {
      name: 'delivery',
      look: async (signal) => {
        try {
          const tookMs = await diagnosis.probeDelivery(deliveryPatienceMs, signal);
          if (tookMs === undefined) {
            return {
              result: 'problem',
              what: 'a line of log was written, and it did not arrive',
              hint: 'The link stands, so look at triggers, published and policies above; if all are ok, restart the server.',
            };
          }
          const what = `a line of log arrived ${formatDuration(tookMs)} after it was written`;
          if (isOther && (await findUnseenTables(subject)).includes('test_execution_logs'))
            return { result: 'warning', what: `${what}, but not to ${nameOf(persona)}, who sees no line` };
          return tookMs <= slowDeliveryMs
            ? { result: 'ok', what }
            : { result: 'warning', what, hint: 'The server or the way to it is busy.' };
        } catch (error) {
          if (error instanceof UserError && ['forbidden', 'unauthorized'].includes(error.code) && hasRights)
            return { result: 'ok', what: 'not measured: we may read only' };
          throw error;
        }
      },
    },
  ];
}
