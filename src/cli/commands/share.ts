import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { openTraceFile } from '../../client/trace-file.ts';
import { traceText } from '../../client/trace/write-trace.ts';
import { formatBytes, shortId } from '../../core/format.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import type { Io } from '../io.ts';
import { writeFresh } from '../../tui/outside/files.ts';
import { showProgress } from '../progress.ts';
import { version } from '../version.ts';
import { writeToFile, writeToStdout } from '../write-out.ts';

/** A run as one page for people who have nothing of ours. */
export function addShareCommand(program: Command): void {
  const command = program
    .command('share')
    .summary('Writes a run as one HTML page, masked, for people without stepscope.')
    .description(
      'Writes a run as one HTML page, masked: what failed, comments, steps with their values, and the log. It needs no network, runs no ' +
        'code of the run, and can be read on a phone. The audit log says who took the run out.',
    )
    .argument('[run]', 'id, its last characters, "last", or a file with a trace', 'last')
    .option('-o, --output <file>', 'write it here, over what is there; - for standard output');
  onCall<{ output?: string }>(
    command,
    async ({ args, flags, settings, io }) => {
      const reference = args[0]!;
      if (isFile(reference)) return await writePage(reference, flags.output, io);
      await withBackend(settings, io, { runner: false }, async ({ backend }) => {
        await withRecording(backend, reference, (file) => writePage(file, flags.output, io));
      });
    },
    { withoutBackend: true },
  );
}

function isFile(reference: string): boolean {
  return /[./]/.test(reference) && existsSync(reference);
}

/**
 * A run as a trace in a file of ours, which is removed afterwards: states and log are read from there when the page comes to
 * them, so that a run of any size takes little memory, and what a stored run and a recording become is the same.
 */
async function withRecording(backend: Backend, reference: string, work: (file: string) => Promise<void>): Promise<void> {
  const { test_run_id: runId } = await backend.run(reference);
  const folder = await mkdtemp(join(tmpdir(), 'stepscope-share-'));
  const progress = showProgress();
  try {
    const file = join(folder, 'run.ndjson');
    progress.at('Reading the run');
    await writeToFile(file, traceText(backend.traceRows(runId), { exportedAt: new Date().toISOString(), runId }));
    progress.end();
    await work(file);
  } finally {
    progress.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function writePage(file: string, output: string | undefined, io: Io): Promise<void> {
  const [{ sharedPage }, { sharedRun }] = await Promise.all([import('../../core/share/page.ts'), import('../../client/shared-run.ts')]);
  const reader = await openTraceFile(file);
  try {
    let bytes = 0;
    const pieces = counted(
      sharedPage(await sharedRun(reader), { sha256: (text) => createHash('sha256').update(text).digest('base64'), sharedAt: new Date().toISOString(), version }),
      (piece) => (bytes += Buffer.byteLength(piece)),
    );
    if (output === '-') return await writeToStdout(pieces, io);
    // Under a name that nobody chose, nothing is written over.
    const target = output ?? (await writeFresh(`stepscope-${shortId(reader.run.test_run_id)}.html`, pieces));
    if (output !== undefined) await writeToFile(output, pieces);
    if (io.json) io.out(JSON.stringify({ run: reader.run.test_run_id, file: target, bytes }));
    else io.out(`Wrote ${target} (${formatBytes(bytes)}). Open it in any browser.`);
  } finally {
    await reader.close();
  }
}

async function* counted(pieces: AsyncIterable<string>, count: (piece: string) => void): AsyncGenerator<string> {
  for await (const piece of pieces) {
    count(piece);
    yield piece;
  }
}
