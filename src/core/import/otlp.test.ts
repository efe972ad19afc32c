import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sampleRun } from '../../client/trace/testing.ts';
import type { StepRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { otlpText } from '../export/otlp.ts';
import type { OtlpTrace } from './otlp.ts';
import { addDocument, runOfTrace } from './otlp.ts';
import { OtlpDocument } from './otlp-values.ts';

const context = { runId: 'r', idOf: (name: string) => `id of ${name}`, now: '2026-11-21T10:00:00.000Z', name: 'spans.json' };

function runOf(spans: readonly object[], logs: readonly object[] = []) {
  const traces = new Map<string, OtlpTrace>();
  const inTrace = (records: readonly object[]): object[] => records.map((record) => ({ traceId: 't', ...record }));
  addDocument(traces, OtlpDocument.parse({ resourceSpans: [{ scopeSpans: [{ spans: inTrace(spans) }] }], resourceLogs: [{ scopeLogs: [{ logRecords: inTrace(logs) }] }] }));
  const { run, rows } = runOfTrace(traces.get('t')!, context);
  return { run, rows, steps: rows.filter(({ table }) => table === 'test_execution_steps').map(({ row }) => row as unknown as StepRow) };
}

/** Seconds of the run in which a span begins and ends. */
const span = (spanId: string, parentSpanId: string, [from, to]: readonly [number, number] = [1, 2], name = spanId): object => ({ spanId, parentSpanId, name, startTimeUnixNano: `${from}000000000`, endTimeUnixNano: `${to}000000000` });

const treeOf = (steps: readonly StepRow[]): readonly string[] => steps.map(({ step_key: key, parent_step_key: parent, display }) => `${display} ${key}${parent === null ? '' : ` in ${parent}`}`);

describe('spans become steps', () => {
  it.each([
    ['of a tree', [span('a', ''), span('b', 'a'), span('c', 'b')], ['1 a', '1a a.b in a', '1a.1 a.b.c in a.b']],
    ['whose parents name each other', [span('a', 'b'), span('b', 'a')], ['1 a', '1a a.b in a']],
    ['that name themselves', [span('a', 'a')], ['1 a']],
    ['below a circle, and beside it', [span('x', ''), span('d', 'c', [1, 2]), span('b', 'c', [3, 4]), span('c', 'b', [2, 5])], ['1 x', '2 c', '2a c.d in c', '2b c.b in c']],
    ['whose parent is not there', [span('a', 'nobody'), span('b', 'a')], ['1 a', '1a a.b in a']],
    ['of one id', [span('a', '', [1, 2], 'one'), span('a', '', [1, 2], 'two'), span('b', 'a')], ['1 one', '1a one.b in one', '2 two']],
    ['whose names make one key', [span('a', '', [1, 2], 'n'), span('b', '', [1, 2], 'n'), span('c', '', [1, 2], 'n 2')], ['1 n', '2 n_2', '3 n_2_2']],
  ])('%s', (_, spans, expected) => {
    const { steps, run } = runOf(spans);
    expect(treeOf(steps)).toEqual(expected);
    expect(new Set(steps.map(({ id }) => id)).size).toBe(spans.length);
    expect(run.total_steps).toBe(steps.filter((step) => step.parent_step_key === null).length);
  });

  it('in a chain of 2,000', () => {
    const spans = Array.from({ length: 2_000 }, (_, i) => span(`s${i}`, i === 0 ? 's1999' : `s${i - 1}`));
    expect(runOf(spans).steps).toHaveLength(2_000);
  });
});

it('a run that was exported comes back as it was', async () => {
  const rows = sampleRun().filter(({ table }) => ['test_execution_runs', 'test_execution_steps', 'test_execution_logs'].includes(table));
  async function* some() {
    yield rows;
  }
  let text = '';
  for await (const piece of otlpText(some(), { version: '1', sha256: (of) => createHash('sha256').update(of).digest('hex') })) text += piece;
  const traces = new Map<string, OtlpTrace>();
  addDocument(traces, OtlpDocument.parse(JSON.parse(text)));
  const back = runOfTrace([...traces.values()][0]!, context);
  const told = (all: readonly TraceRow[], table: string, columns: readonly string[]) => all.filter((row) => row.table === table).map(({ row }) => columns.map((column) => row[column]));
  const was = rows[0]!.row;
  for (const column of ['pipeline_key', 'status', 'inputs', 'error_message', 'model_name', 'git_commit'] as const) expect([column, back.run[column]]).toEqual([column, was[column]]);
  for (const [table, columns] of [['test_execution_steps', ['step_key', 'parent_step_key', 'display', 'step_name', 'attempt', 'status', 'execution_context', 'error_message']], ['test_execution_logs', ['step_key', 'log_level', 'message', 'data']]] as const) {
    expect(told(back.rows, table, columns)).toEqual(told(rows, table, columns));
  }
});

describe('times of spans', () => {
  it('that end before they begin are taken to take no time', () => {
    const { steps, run } = runOf([span('a', '', [5, 3])]);
    expect(steps[0]).toMatchObject({ started_at: '1970-01-01T00:00:05.000000Z', completed_at: '1970-01-01T00:00:05.000000Z', duration_ms: 0 });
    expect(run).toMatchObject({ started_at: '1970-01-01T00:00:05.000000Z', completed_at: '1970-01-01T00:00:05.000000Z', total_duration_ms: 0 });
  });

  it.each(['99999999999999999999999999', '18446744073709551616', 1e30])('of more nanoseconds than 64 bits hold are refused: %s', (startTimeUnixNano) => {
    expect(() => runOf([{ spanId: 'a', name: 'a', startTimeUnixNano }])).toThrow(/more nanoseconds since 1970 than 64 bits hold/);
  });
});
