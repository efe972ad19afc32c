import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectBackend } from '../client/connect-backend.ts';
import { readRecordings } from '../client/trace/read-recordings.ts';
import { openSource } from '../client/trace/source-file.ts';
import { Suspicion } from '../core/first-bad-step.ts';
import { startTestBackend } from '../server/testing.ts';
import { report } from './check-report.ts';

/*
 * Imports transcripts of agents that failed, walks through each, and compares the step we suspect with the labels of
 * people who read them (`mistake_step`, counted from 0, and `mistake_agent`), which the heuristic does not see.
 *
 *   npm run check:transcripts -- DIRECTORY
 */

const [directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('npm run check:transcripts -- DIRECTORY of JSON files with a history, mistake_step and mistake_agent');
  process.exit(2);
}
const files = readdirSync(directory)
  .filter((name) => name.endsWith('.json'))
  .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
const server = await startTestBackend();
const backend = await connectBackend({ url: server.url, key: server.keys.publishableKey, session: server.admin });

const hits = { exact: 0, near: 0, agent: 0, chance: 0 };
const unreadable: string[] = [];
let walked = 0;
for (const name of files) {
  const transcript = JSON.parse(readFileSync(join(directory, name), 'utf8')) as { history: object[]; mistake_step?: string | number; mistake_agent?: string };
  const source = await openSource(join(directory, name));
  const [recording] = await readRecordings(source, { format: 'auto', now: new Date().toISOString() });
  await backend.importRun(recording!);
  const run = await backend.run(recording!.run['test_run_id'] as string);
  const steps = await backend.steps(run.test_run_id);
  for (const step of steps) {
    const snapshot = await backend.snapshot(run.test_run_id, step.step_key);
    if (typeof snapshot?.outputs?.['content'] === 'string') walked++;
    else unreadable.push(`${name} ${step.display}`);
  }
  if (steps.length !== transcript.history.length) unreadable.push(`${name}: ${steps.length} of ${transcript.history.length} messages`);

  const found = Suspicion.safeParse(run.execution_data['firstBadStep']);
  const label = Number(transcript.mistake_step);
  const index = found.success ? found.data.index : Number.NaN;
  if (index === label) hits.exact++;
  if (Math.abs(index - label) <= 1) hits.near++;
  if (found.success && found.data.name === transcript.mistake_agent) hits.agent++;
  hits.chance += 1 / transcript.history.length;
  console.log(`${name.padEnd(10)} labelled ${label} ${transcript.mistake_agent}, suspected ${index} ${found.data?.name}: ${found.data?.evidence[0]}`);
}
await backend.close();
await server.stop();

const share = (count: number): string => `${count} of ${files.length}`;
const told = (name: string, measured: string) => ({ name, measured, demanded: '–', isMet: true });
report('check:transcripts', [
  { name: 'steps that can be read', measured: `${walked}${unreadable.length === 0 ? '' : `, not: ${unreadable.join(', ')}`}`, demanded: 'all', isMet: unreadable.length === 0 && walked > 0 },
  told('the labelled step', share(hits.exact)),
  told('at most one step beside it', share(hits.near)),
  told('the labelled agent', share(hits.agent)),
  told('the labelled step, by chance', hits.chance.toFixed(1)),
]);
process.exit();
