import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setInterval } from 'node:timers';
import { traceText } from '../client/trace/write-trace.ts';
import { blankLog, blankRun, blankStep } from '../core/import/blank-rows.ts';
import { uuidv7 } from '../core/uuid.ts';
import type { JsonObject } from '../protocol/json.ts';
import { LogRow, RunRow, StepRow } from '../protocol/rows.ts';
import type { TraceRow } from '../protocol/trace.ts';
import { reportFigures } from './bench-table.ts';

const root = join(import.meta.dirname, '../..');
/** `STEPSCOPE_BENCH_MB=50` is the same in little. */
const megabytes = Number(process.env['STEPSCOPE_BENCH_MB'] ?? 500);
const rowsAtOnce = 1_000;
/** Of one log row as a line. */
const rowBytes = 1_000;

/**
 * A run of 500 MB into the local backend from a trace, and out of it again, by the program as people have it; against
 * `gzip -1` and `jq -c .` on the same file. The memory is that of the program itself, without the backend.
 */
export async function benchExport(): Promise<boolean> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-bench-'));
  const data = ['--data-dir', join(home, 'data')];
  const program = [process.execPath, join(root, 'bin/stepscope.js')];
  const before = join(home, 'before.ndjson');
  const after = join(home, 'after.ndjson');
  const server = spawn(program[0]!, [program[1]!, 'serve', '--no-runner', '--port', '0', '--json', ...data], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve, reject) => {
      server.stdout.once('data', resolve);
      server.once('exit', () => reject(new Error('serve ended')));
    });
    await pipeline(traceText(rows(), { exportedAt: '2026-01-01T00:00:00.000Z', runId: run.test_run_id }), createWriteStream(before));
    const size = statSync(before).size / 1024 / 1024;

    const gzip = await timed(['gzip', '-1', '-c', before]);
    const jq = await timed(['jq', '-c', '.', before]);
    const check = await timed([...program, 'import', '--dry-run', before, ...data]);
    const into = await timed([...program, 'import', before, ...data]);
    const out = await timed([...program, 'export', run.test_run_id, '--output', after, ...data]);
    const rate = (seconds: number): number => size / seconds;
    return reportFigures([
      { what: 'size of the trace', value: size, unit: 'MB' },
      { what: 'gzip -1', value: rate(gzip.seconds), unit: 'MB/s' },
      { what: 'jq -c .', value: rate(jq.seconds), unit: 'MB/s' },
      { what: 'out', value: rate(out.seconds), unit: 'MB/s' },
      { what: 'out / jq', value: jq.seconds / out.seconds, unit: 'x', bound: { kind: 'at least', value: 0.5 } },
      { what: 'memory of export', value: out.megabytes, unit: 'MB', bound: { kind: 'at most', value: 200 } },
      { what: 'in', value: rate(into.seconds), unit: 'MB/s' },
      { what: 'in / jq', value: jq.seconds / into.seconds, unit: 'x', bound: { kind: 'at least', value: 0.5 } },
      { what: 'memory of import', value: into.megabytes, unit: 'MB', bound: { kind: 'at most', value: 200 } },
      { what: 'checked only', value: rate(check.seconds), unit: 'MB/s' },
      { what: 'differences between in and out', value: difference(before, after), unit: '', bound: { kind: 'at most', value: 0 } },
    ]);
  } finally {
    server.kill('SIGTERM');
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

const idAt = (n: number): string => uuidv7(1_767_323_040_000 + n, new Uint8Array(10).fill(n % 251));
const context = { runId: idAt(0), idOf: () => idAt(0), now: '2026-01-02T03:04:00+00:00', name: '' };
const run = blankRun(context, { log_counts: { info: Math.floor((megabytes * 1024 * 1024) / rowBytes) } });

async function* rows(): AsyncGenerator<readonly TraceRow[]> {
  const step = blankStep(context, { id: idAt(1), step_key: 'work', ordinal: 0, seq: 2 });
  yield [
    { table: 'test_execution_runs', row: RunRow.parse(run) as unknown as JsonObject },
    { table: 'test_execution_steps', row: StepRow.parse(step) as unknown as JsonObject },
  ];
  const count = Math.floor((megabytes * 1024 * 1024) / rowBytes);
  for (let from = 0; from < count; from += rowsAtOnce) {
    yield Array.from({ length: Math.min(rowsAtOnce, count - from) }, (_, i) => ({ table: 'test_execution_logs', row: logRow(from + i) }));
  }
}

function logRow(n: number): JsonObject {
  // Keys as jsonb orders them, or the file that comes out would be another one.
  const data = { url: `https://provider.test/v1/predictions/${n}`, body: 'the prediction is still processing and nothing is known of it yet '.repeat(4).slice(n % 20), tags: ['poll', 'fast', String(n % 17)], status: 200, attempt: (n % 3) + 1 };
  const row = blankLog(context, { id: idAt(n + 2), seq: n + 3, step_key: 'work', step_number: 1, step_name: 'Work', message: `poll ${n}: still processing, asking again in ${n % 900} ms`, data });
  return LogRow.parse(row) as unknown as JsonObject;
}

/** Runs a program to its end. `megabytes` is the most memory it had, where the system tells. */
async function timed([command, ...args]: readonly string[]): Promise<{ readonly seconds: number; readonly megabytes: number }> {
  const startedAt = performance.now();
  const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let megabytesMost = 0;
  const watch = setInterval(() => {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
      megabytesMost = Math.max(megabytesMost, Number(kilobytes ?? 0) / 1024);
    } catch {
      // It has ended, or this system has no such file.
    }
  }, 50);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearInterval(watch);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
  return { seconds: (performance.now() - startedAt) / 1000, megabytes: megabytesMost };
}

/** Are the rows the same bytes? The first line and the last carry the time of the export and its sum. 0 or 1. */
function difference(one: string, other: string): number {
  // As bytes and not as text: half a gigabyte is more than one text can be.
  const rowsOf = (file: string): Buffer => {
    const bytes = readFileSync(file);
    return bytes.subarray(bytes.indexOf('\n') + 1, bytes.lastIndexOf('\n', bytes.length - 2));
  };
  return rowsOf(one).equals(rowsOf(other)) ? 0 : 1;
}
