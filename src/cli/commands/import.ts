import { Option } from 'commander';
import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { asCopy, readRecordings } from '../../client/trace/read-recordings.ts';
import { importFormats } from '../../client/trace/recording.ts';
import type { ImportFormat, Recording } from '../../client/trace/recording.ts';
import { openSource } from '../../client/trace/source-file.ts';
import type { SourceFile } from '../../client/trace/source-file.ts';
import { plural, printable } from '../../core/format.ts';
import { isObject } from '../../core/value-tags.ts';
import { UserError } from '../../protocol/error.ts';
import type { Json } from '../../protocol/json.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { Ended } from '../failure.ts';
import { onInterrupt } from '../interrupt.ts';
import type { Io } from '../io.ts';
import { useLittleMemory } from '../little-memory.ts';
import { showProgress } from '../progress.ts';

interface Flags {
  readonly format: ImportFormat;
  readonly asCopy?: boolean;
  readonly dryRun?: boolean;
}

/** What became of one run in a file. */
type Outcome = 'stored' | 'already here' | 'would be stored';

export function addImportCommand(program: Command): void {
  const command = program
    .command('import')
    .summary('Stores runs from files: traces, OTLP/JSON, JSONL logs, transcripts.')
    .description(
      'Stores runs from files, packed with gzip or not: traces of every version, OTLP/JSON, logs with one JSON object a line, and ' +
        'transcripts of agents. A file is checked as a whole first; a run is there completely or not at all.',
    )
    .argument('<files...>', 'files, or - for standard input')
    .addOption(new Option('--format <format>', 'what they are; found by content otherwise').choices(importFormats).default('auto'))
    .option('--as-copy', 'give the runs ids of their own')
    .option('--dry-run', 'check the files, and store nothing');
  onCall<Flags>(command, async ({ rest, flags, settings, io }) => {
    useLittleMemory();
    const interrupt = onInterrupt();
    const sources: SourceFile[] = [];
    try {
      // All of them before the first is stored: a file that is damaged should not be noticed half-way.
      const found: { readonly file: string; readonly recording: Recording }[] = [];
      for (const path of rest) {
        const source = await openSource(path);
        sources.push(source);
        found.push(...(await readFile(source, flags)).map((recording) => ({ file: source.name, recording })));
      }
      for (const { recording } of found) for (const notice of recording.notices) io.err(notice);
      if (flags.dryRun === true) {
        for (const { file, recording } of found) tell({ file, recording, outcome: 'would be stored' }, io);
        return;
      }
      await withBackend(settings, io, { runner: false }, async ({ backend }) => {
        for (const { file, recording } of found) {
          const outcome = await store(backend, recording, file, { signal: interrupt.signal, io });
          tell({ file, recording, outcome }, io);
        }
      });
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
      io.err('Broken off; nothing of the run that was being imported is there.');
      throw new Ended(Number(process.exitCode ?? 130));
    } finally {
      interrupt.stop();
      for (const source of sources) await source.close();
    }
  });
}

async function readFile(source: SourceFile, flags: Flags): Promise<readonly Recording[]> {
  const progress = showProgress();
  let bytes = 0;
  const watched: SourceFile = {
    ...source,
    read: async function* (from, to) {
      for await (const chunk of source.read(from, to)) {
        bytes += chunk.length;
        progress.at(`Checking ${printable(source.name)}: ${Math.min(100, Math.floor((100 * bytes) / source.bytes))} %`);
        yield chunk;
      }
    },
  };
  try {
    const recordings = await readRecordings(watched, { format: flags.format, now: new Date().toISOString() });
    return flags.asCopy === true ? recordings.map(asCopy) : recordings;
  } finally {
    progress.end();
  }
}

async function store(backend: Backend, recording: Recording, file: string, { signal, io }: { readonly signal: AbortSignal; readonly io: Io }): Promise<Outcome> {
  const runId = recording.run['test_run_id'] as string;
  const rows = Object.values(recording.counts).reduce((sum, count) => sum + count, 0);
  const progress = showProgress();
  try {
    const outcome = await backend.importRun(
      { run: recording.run, rows: recording.rows, why: `import of ${file}` },
      { signal, onProgress: (stored) => progress.at(`Storing ${plural(rows, 'row')}: ${Math.floor((100 * stored) / rows)} %`) },
    );
    if (outcome === 'stored') return 'stored';
  } finally {
    progress.end();
  }
  if (await isTheSame(backend, recording, runId)) return 'already here';
  throw new UserError('conflict', `run ${runId} is already here, and is not the same as in ${file}`, {
    hint: `Look at it with \`${io.command(`show ${runId}`)}\`, or import with --as-copy`,
  });
}

/** Whether the run that is here came of the same content. Runs of other formats keep the sum of theirs, or have an id made of it. */
async function isTheSame(backend: Backend, recording: Recording, runId: string): Promise<boolean> {
  if (recording.sha256 !== undefined) return (await backend.runDigest(runId)) === recording.sha256;
  const sum = contentSum(recording.run['execution_data']);
  return sum === undefined || sum === contentSum((await backend.run(runId)).execution_data);
}

function contentSum(executionData: Json = null): Json | undefined {
  const imported = isObject(executionData) ? (executionData['imported'] ?? null) : null;
  return isObject(imported) ? imported['sha256'] : undefined;
}

function tell({ file, recording, outcome }: { readonly file: string; readonly recording: Recording; readonly outcome: Outcome }, io: Io): void {
  const { format, run, counts } = recording;
  const runId = run['test_run_id'] as string;
  if (io.json) {
    io.out(JSON.stringify({ file, format, run: runId, outcome, counts }));
    return;
  }
  const { test_execution_steps: steps = 0, test_execution_logs: lines = 0 } = counts;
  const what = `${plural(steps, 'step')}, ${plural(lines, 'line')} of log`;
  const words: Record<Outcome, string> = { stored: 'Imported run', 'already here': 'Already here: run', 'would be stored': 'Would import run' };
  io.out(`${words[outcome]} ${runId} (${format}): ${what}.`);
}
