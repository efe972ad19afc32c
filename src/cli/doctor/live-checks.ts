import { formatDuration } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { publishedTables } from '../../protocol/rows.ts';
import type { Check } from './check.ts';
import type { Subject } from './subject.ts';

/** Later than this, live is not what people would call it. */
const slowDeliveryMs = 1_000;
/** What has not arrived by then is lost. */
const deliveryPatienceMs = 3_000;

/** Whether changes arrive: every table can be followed, and a row that is written comes back. */
export function liveChecks({ backend, command }: Subject): readonly Check[] {
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
        if (first === undefined) return { result: 'ok', what: `all ${publishedTables.length} can be followed` };
        return {
          result: 'problem',
          what: `cannot follow ${refused
            .flat()
            .map(({ table }) => table)
            .join(', ')}: ${first.why}`,
          hint: 'In a hosted project Realtime must be enabled for them:',
          command: command('doctor --mend'),
          sql: refused
            .flat()
            .map(({ table }) => `alter publication supabase_realtime add table public.${table};`)
            .join(' '),
        };
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
          return tookMs <= slowDeliveryMs
            ? { result: 'ok', what }
            : { result: 'warning', what, hint: 'The server or the way to it is busy.' };
        } catch (error) {
          if (error instanceof UserError && ['forbidden', 'unauthorized'].includes(error.code))
            return { result: 'ok', what: 'not measured: we may read only' };
          throw error;
        }
      },
    },
  ];
}
