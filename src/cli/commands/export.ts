import { createHash } from 'node:crypto';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Backend } from '../../client/backend.ts';
import { documentText } from '../../client/trace/write-document.ts';
import { traceText } from '../../client/trace/write-trace.ts';
import { harText } from '../../core/export/har.ts';
import { markdownText } from '../../core/export/markdown.ts';
import { otlpText } from '../../core/export/otlp.ts';
import { logText } from '../../core/export/text.ts';
import { plural } from '../../core/format.ts';
import type { RunRow } from '../../protocol/rows.ts';
import { traceLineSchema } from '../../protocol/trace-schema.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { withBackend } from '../backend/with-backend.ts';
import { onCall } from '../call.ts';
import { useLittleMemory } from '../little-memory.ts';
import { showProgress } from '../progress.ts';
import { version } from '../version.ts';
import { writeToFile, writeToStdout } from '../write-out.ts';

const formats = ['ndjson', 'json', 'otlp', 'har', 'markdown', 'text'] as const;
type Format = (typeof formats)[number];

interface Flags {
  readonly format: Format;
  readonly output?: string;
  readonly schema?: boolean;
}

export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .summary('Writes a whole run, masked: as a trace, or for other tools.')
    .description(
      'Writes a whole run, masked: as a trace that `import` and the terminal read (ndjson, or json for one document), as OTLP/JSON, ' +
        'as HAR of what it asked over HTTP, as a report in Markdown, or its log as text. The audit log says who took it out. ' +
        'The same run is the same bytes: `exportedAt` in a trace is when the run last changed.',
    )
    .argument('[run]', 'id, its last characters, or "last"', 'last')
    .addOption(new Option('--format <format>', 'what to write').choices(formats).default('ndjson'))
    .option('-o, --output <file>', 'write it here instead of to standard output')
    .option('--schema', 'print the JSON Schema of a line of a trace instead');
  onCall<Flags>(command, async ({ args, flags, settings, io }) => {
    if (flags.schema === true) {
      io.out(JSON.stringify(traceLineSchema(), null, 2));
      return;
    }
    useLittleMemory();
    const { output } = flags;
    await withBackend(settings, io, { runner: false }, async ({ backend }) => {
      const run = await backend.run(args[0]!);
      const progress = showProgress();
      const counts: Record<string, number> = {};
      const rows = counted(backend.traceRows(run.test_run_id), run, counts, progress.at);
      const pieces = textOf(flags.format, rows, { run, backend });
      try {
        if (output === undefined || output === '-') await writeToStdout(pieces, io);
        else await writeToFile(output, pieces);
      } finally {
        progress.end();
      }
      if (output === undefined || output === '-') return;
      const { test_execution_steps: steps = 0, test_execution_logs: lines = 0 } = counts;
      io.err(`Wrote ${output}: ${plural(steps, 'step')}, ${plural(lines, 'line')} of log.`);
    });
  });
}

interface Subject {
  readonly run: RunRow;
  readonly backend: Backend;
}

function textOf(format: Format, rows: AsyncIterable<readonly TraceRow[]>, { run, backend }: Subject): AsyncIterable<string> {
  // As of when the run last changed, and not of now: the same run is the same bytes, whoever writes it.
  const exportedAt = new Date(run.updated_at).toISOString();
  switch (format) {
    case 'ndjson':
      return traceText(rows, { exportedAt, runId: run.test_run_id });
    case 'json':
      return documentText(rows, exportedAt);
    case 'otlp':
      return otlpText(rows, { version, sha256: (text) => createHash('sha256').update(text).digest('hex') });
    case 'har':
      return harText(rows, { version, contentOf: (hash) => backend.content(run.test_run_id, hash) });
    case 'markdown':
      return markdownText(rows);
    case 'text':
      return logText(rows);
  }
}

async function* counted(
  rows: AsyncIterable<readonly TraceRow[]>,
  run: RunRow,
  counts: Record<string, number>,
  tell: (text: string) => void,
): AsyncGenerator<readonly TraceRow[]> {
  const expected = Object.values(run.log_counts).reduce((sum, count) => sum + count, 0);
  let all = 0;
  for await (const some of rows) {
    for (const { table } of some) counts[table] = (counts[table] ?? 0) + 1;
    all += some.length;
    const lines = counts['test_execution_logs'] ?? 0;
    tell(`${plural(all, 'row')}${expected === 0 ? '' : `, ${Math.min(100, Math.floor((100 * lines) / expected))} % of the log`}`);
    yield some;
  }
}
