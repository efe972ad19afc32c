import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RecordedRun } from '../../client/reruns.ts';
import { plural, printable } from '../../core/format.ts';
import { errorCodes, UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import type { Divergence, ReplayReport } from '../../runner/replay.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import type { Io } from '../io.ts';
import { openRecording } from '../open-recording.ts';

interface Flags {
  readonly pipeline?: string;
  readonly all?: boolean;
}

/** A value in a line of text is cut after this many characters. */
const SHOWN_LENGTH = 200;

export function addReplayCommand(program: Command): void {
  const command = program
    .command('replay')
    .summary('Runs a recording against the code of today, and says where it first differs.')
    .description(
      'Runs a recorded run again: the code of today, the recorded inputs, and the recorded answers of the provider, the tables and every other address. Nothing is sent and nothing is stored. Exits 0 when everything is as it was, 1 when something differs. A file needs no backend.',
    )
    .argument('<recording>', 'a file that `export` wrote; or a run by its id, its last characters, or "last"')
    .option('--pipeline <file>', 'the file that defines the pipeline; without it, the one a runner has registered')
    .option('--all', 'go on after the first difference, and list them all');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    const reference = args[0]!;
    const work = async (recorded: RecordedRun, registered: string | undefined): Promise<ReplayReport> => {
      const { bundledPipelineFile, replayRun } = await import('../../runner/replay.ts');
      const key = recorded.run.pipeline_key ?? '';
      const file = flags.pipeline === undefined ? (existing(registered) ?? bundledPipelineFile(key)) : resolve(flags.pipeline);
      if (file === undefined) throw new UserError('usage', `no file that defines the pipeline "${key}" is known here`, { hint: 'Name it with --pipeline FILE' });
      return await replayRun(recorded, { file, all: flags.all ?? false, signal: io.readerGone });
    };
    const report = isFile(reference) ? await withFile(reference, work) : await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const { test_run_id, pipeline_key } = await backend.run(reference);
      const registered = (await backend.pipelines()).find((one) => one.pipeline_key === pipeline_key);
      return await work(await backend.recording(test_run_id), registered?.file_path ?? undefined);
    });
    if (io.json) io.out(JSON.stringify(report));
    else replayLines(report, io).forEach((line) => io.out(line));
    if (report.divergences.length > 0) throw new Ended(errorCodes.failed.exit);
  });
}

function isFile(reference: string): boolean {
  if (statSync(reference, { throwIfNoEntry: false })?.isFile() === true) return true;
  if (/[\\/]|\.(?:json|ndjson|jsonl|gz)$/.test(reference)) throw new UserError('not-found', `no file ${resolve(reference)}`);
  return false;
}

/** A pipeline may have been registered from another machine. */
function existing(file: string | undefined): string | undefined {
  return file !== undefined && existsSync(file) ? file : undefined;
}

async function withFile(path: string, work: (recorded: RecordedRun, registered: undefined) => Promise<ReplayReport>): Promise<ReplayReport> {
  const reader = await openRecording(path);
  try {
    return await work(reader, undefined);
  } finally {
    await reader.close();
  }
}

function replayLines({ runId, pipeline, file, steps, exchanges, divergences, changed, endedEarly }: ReplayReport, io: Io): readonly string[] {
  const [first, ...others] = divergences;
  const changedSteps = new Set(changed.map(({ key }) => key));
  const head = `${pipeline}, run ${runId}, by ${printable(file)}`;
  const done = `${plural(steps, 'step')}, ${plural(exchanges, 'recorded answer')}`;
  return [
    ...(first === undefined ? [`${io.paint('good', io.glyphs.status.completed)} ${head}: as recorded, ${done}`] : [`${io.paint('bad', io.glyphs.status.failed)} ${head}: differs`]),
    ...[first, ...others].flatMap((one) => (one === undefined ? [] : ['', ...divergenceLines(one, changedSteps, io)])),
    ...(endedEarly === undefined ? [] : ['', `What came afterwards was not compared: ${endedEarly}.`]),
    ...(changed.length === 0 ? [] : ['', `Source changed since: ${changed.map(({ display, name }) => `${display} ${name}`).join(', ')}`]),
  ];
}

function divergenceLines({ step, what, path, expected, actual }: Divergence, changed: ReadonlySet<string>, io: Io): readonly string[] {
  const where = step === null ? 'the run' : `step ${step.display} ${step.name}`;
  const note = step !== null && changed.has(step.key) ? io.paint('warn', '  its source changed') : '';
  const line = (name: string, value: Json | undefined): string => `  ${io.paint('muted', name.padEnd(8))} ${value === undefined ? '(nothing)' : shown(value)}`;
  return [`${printable(where)}: ${what} ${printable(path)}`.trimEnd() + note, line('expected', expected), line('actual', actual)];
}

function shown(value: Json): string {
  const text = printable(JSON.stringify(value));
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
