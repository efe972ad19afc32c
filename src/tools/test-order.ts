import { BaseSequencer } from 'vitest/node';

/** The files that take longest, longest first. One that is missing here, or no longer belongs, costs nothing but time. */
const longest = [
  'cli/run.test.ts',
  'cli/backend/detached.test.ts',
  'storage/pglite/open-pglite.test.ts',
  'runner/resume.test.ts',
  'cli/loop.test.ts',
  'runner/replay.test.ts',
  'cli/trace.test.ts',
  'cli/login.test.ts',
  'tui/real-terminal.test.ts',
  'storage/postgres-contract.test.ts',
  'cli/doctor/link-and-server.test.ts',
  'cli/secrets.test.ts',
  'cli/user.test.ts',
  'cli/break.test.ts',
  'cli/share.test.ts',
  'runner/run-pipelines.test.ts',
  'cli/replay.test.ts',
  'cli/serve.test.ts',
  'server/policies.test.ts',
  'storage/pglite-contract.test.ts',
  'cli/compare.test.ts',
  'client/trace/import-run.test.ts',
  'runner/load-pipelines.test.ts',
  'cli/doctor/people-and-runs.test.ts',
  'cli/approve.test.ts',
  'server/functions/functions.test.ts',
  'server/realtime/realtime.test.ts',
  'server/database-restart.test.ts',
  'storage/migrate.test.ts',
  'server/worker.test.ts',
  'runner/generate-content.test.ts',
];

/** Starts long files first: one that starts last keeps one core busy while the other has nothing to do. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer['sort']>[0]): ReturnType<BaseSequencer['sort']> {
    const rank = (path: string): number => {
      const at = longest.findIndex((name) => path.endsWith(`/${name}`));
      return at === -1 ? longest.length : at;
    };
    const usual = await super.sort(files);
    return usual.toSorted((a, b) => rank(a.moduleId) - rank(b.moduleId));
  }
}
