import { UserError } from '../protocol/error.ts';
import type { RunOptions } from '../protocol/run-request.ts';
import { parseBehaviour } from '../core/simulator-behaviour.ts';
import { startSimulator, type Simulator } from './simulator/start-simulator.ts';
import type { ProviderAccess } from './thread-messages.ts';

/** The providers a runner offers to its runs. */
export interface Providers {
  /** Throws `usage` for a behaviour the simulator has not, or a token that is missing. */
  readonly accessFor: (options: RunOptions) => Promise<ProviderAccess>;
  readonly close: () => Promise<void>;
}

/** The simulator starts when the first run asks for it. */
export function openProviders(environment: NodeJS.ProcessEnv): Providers {
  let simulator: Promise<Simulator> | undefined;
  return {
    accessFor: async ({ provider, simulate }) => {
      if (provider === 'replicate') return replicateAccess(environment);
      const behaviour = simulate ?? environment['STEPSCOPE_SIMULATE'];
      parseBehaviour(behaviour);
      const { url, token } = await (simulator ??= startSimulator());
      return { name: 'simulator', baseUrl: url, token, simulate: behaviour, reachesUs: true };
    },
    close: async () => {
      await (await simulator)?.close();
    },
  };
}

function replicateAccess(environment: NodeJS.ProcessEnv): ProviderAccess {
  const token = environment['REPLICATE_API_TOKEN'];
  if (!token) throw new UserError('unauthorized', 'REPLICATE_API_TOKEN is not set where the runner runs', { hint: 'Set it there, or run with the simulator' });
  return { name: 'replicate', baseUrl: environment['REPLICATE_BASE_URL'] ?? 'https://api.replicate.com', token, reachesUs: false };
}
