import type { Backend } from '../../client/backend.ts';
import { formatBytes, plural } from '../../core/format.ts';
import { RunRow } from '../../protocol/rows.ts';
import type { Opened } from '../backend/with-backend.ts';
import type { Check } from './check.ts';

const liveTimeoutMs = 10_000;

/** What people most often find wrong with a backend: no rows, no live rows, nothing to run, charges, no export. */
export function backendChecks({ backend, place }: Opened): readonly Check[] {
  return [
    {
      name: 'backend',
      look: async () => ({ result: 'ok', what: `${backend.url} (${place === 'hosted' ? 'started for this check' : place}), as ${backend.identity}` }),
    },
    {
      // Row-level security hides rows instead of refusing them: without the role everything only looks empty.
      name: 'role',
      look: async () => {
        if (await backend.isAdmin()) return { result: 'ok', what: backend.identity === 'service_role' ? 'a secret key, which sees everything' : 'is_admin_user() says yes' };
        return backend.identity === 'anon'
          ? { result: 'problem', what: 'not signed in: sees nothing', hint: 'Set STEPSCOPE_EMAIL and STEPSCOPE_PASSWORD, or give a secret key.' }
          : { result: 'problem', what: `signed in as ${backend.identity}, not an administrator: sees no runs`, hint: 'The user needs a row in user_roles with the role admin; `select is_admin_user()` must say true.' };
      },
    },
    {
      name: 'runs',
      look: async () => {
        const runs = await backend.runs({ limit: 1 });
        if (runs.length > 0) return { result: 'ok', what: 'can be read' };
        return { result: 'ok', what: 'none yet' };
      },
    },
    { name: 'live rows', look: async () => await untilLive(backend) },
    {
      name: 'runners',
      look: async () => {
        const runners = await backend.runners();
        return runners.length === 0
          ? { result: 'warning', what: 'none: runs stay pending', hint: 'Start one with `stepscope runner FILE`.' }
          : { result: 'ok', what: [...new Set(runners.flatMap((runner) => runner.pipelines))].join(', ') };
      },
    },
    {
      name: 'billing',
      look: async () => {
        const charged = (await backend.runs({ limit: 200 })).filter((run) => run.billing === 'test' && !(run.skip_billing && run.test_mode_enabled));
        return charged.length === 0
          ? { result: 'ok', what: 'test runs are marked to charge nothing' }
          : { result: 'problem', what: `${plural(charged.length, 'test run')} without skip_billing: ${charged.slice(0, 3).map((run) => run.test_run_id).join(', ')}`, hint: 'Give the tracker testMode and skipBilling, and let the function that charges respect them.' };
      },
    },
    {
      name: 'export',
      look: async () => {
        const [run] = await backend.runs({ limit: 1 });
        if (run === undefined) return { result: 'ok', what: 'nothing to export yet' };
        const trace = await backend.trace(run.test_run_id);
        RunRow.parse(trace.run);
        return { result: 'ok', what: `the newest run exports to ${formatBytes(JSON.stringify(trace).length)}` };
      },
    },
  ];
}

async function untilLive(backend: Backend): Promise<Awaited<ReturnType<Check['look']>>> {
  const live = Promise.withResolvers<Awaited<ReturnType<Check['look']>>>();
  let last = 'no answer';
  const timer = setTimeout(
    () =>
      live.resolve({
        result: 'problem',
        what: `no live rows within ${liveTimeoutMs / 1000} s: ${last}`,
        hint: 'Realtime must be enabled for test_execution_logs, and the policies must let you read them.',
      }),
    liveTimeoutMs,
  );
  const stop = backend.followLists({
    onRows: () => {},
    onLink: (link) => {
      last = link.state === 'lost' ? link.reason : link.state;
      if (link.state === 'live') live.resolve({ result: 'ok', what: 'arrive' });
    },
  });
  try {
    return await live.promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}
