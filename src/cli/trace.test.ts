import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTraceFile } from '../client/trace-file.ts';
import { sampleRun, traceOf } from '../client/trace/testing.ts';
import { OtlpDocument } from '../core/import/otlp-values.ts';
import type { JsonObject } from '../protocol/json.ts';
import { Trace } from '../protocol/trace.ts';
import { buildProgram, installation } from './testing.ts';
import type { Installation, Started } from './testing.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let here: Installation;
let server: Started;
beforeAll(async () => {
  buildProgram();
  here = installation();
  server = here.start('serve', '--port', '0', '--no-runner');
  await server.says(/127\.0\.0\.1:\d+/);
});
afterAll(() => here.remove());

const inHome = (name: string): string => join(dirname(here.dataDir), name);
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(inHome(name), content);
  return inHome(name);
}
const sampleId = sampleRun()[0]!.row['test_run_id'] as string;

describe('traces on the command line', () => {
  it('come in and go out as the same bytes', async () => {
    const text = await traceOf(sampleRun());
    const imported = await here.run('import', file('sample.ndjson.gz', gzipSync(text)));
    expect(imported).toMatchObject({ status: 0, out: `Imported run ${sampleId} (trace): 3 steps, 3 lines of log.\n` });

    expect(await here.run('export', 'last', '-o', inHome('out.ndjson'))).toMatchObject({ status: 0, out: '', err: expect.stringContaining('3 steps, 3 lines of log.') });
    const first = readFileSync(inHome('out.ndjson'), 'utf8');
    expect(statSync(inHome('out.ndjson')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(here.dataDir)).filter((name) => name.startsWith('.out'))).toEqual([]);
    expect((await here.run('export', 'last')).out).toBe(first);
    expect((await here.run('export', 'last', '--format', 'json')).out).toBe((await here.run('export', 'last', '--format', 'json')).out);

    const again = await here.run('import', '--json', inHome('out.ndjson'));
    expect(again).toMatchObject({ status: 0, json: [{ format: 'trace', run: sampleId, outcome: 'already here' }] });
    const copy = await here.run('import', '--json', '--as-copy', inHome('out.ndjson'));
    expect(copy).toMatchObject({ status: 0, json: [{ outcome: 'stored' }] });
    expect(copy.json[0]!['run']).not.toBe(sampleId);

    const changed = sampleRun().map((one) => (one.table === 'comments' ? { ...one, row: { ...one.row, body: 'something else' } } : one));
    const other = await here.run('import', file('changed.ndjson', await traceOf(changed)));
    expect(other).toMatchObject({ status: 1, err: expect.stringContaining('is already here, and is not the same') });
  });

  it('have a schema that says what a line may be', async () => {
    const schema = JSON.parse((await here.run('export', '--schema')).out) as { anyOf: { title: string }[] };
    expect(schema.anyOf.map(({ title }) => title)).toEqual(expect.arrayContaining(['The first line', 'A row of recorded_exchanges', 'The last line']));
  });

  it('go out in the formats of other tools', async () => {
    const as = async (format: string): Promise<string> => (await here.run('export', sampleId, '--format', format)).out;
    expect(Trace.parse(JSON.parse(await as('json')))).toMatchObject({ exportedAt: new Date(sampleRun()[0]!.row['updated_at'] as string).toISOString(), steps: [{}, {}, {}], exchanges: [{}, {}], comments: [{}] });

    const otlp = OtlpDocument.parse(JSON.parse(await as('otlp')));
    const spans = otlp.resourceSpans![0]!.scopeSpans[0]!.spans;
    expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['sample', undefined],
      ...['plan', 'generate', 'upload'].map((name) => [name, spans[0]!.spanId]),
    ]);
    expect(spans[0]).toMatchObject({ traceId: sampleId.replaceAll('-', ''), startTimeUnixNano: '1767323040000000000', status: { code: 2 } });
    const copy = await here.run('import', '--as-copy', '--json', file('own.otlp', await as('otlp')));
    expect(copy).toMatchObject({ status: 0, json: [{ format: 'otlp', counts: { test_execution_steps: 3, test_execution_logs: 3 } }] });
    expect((await here.run('import', inHome('own.otlp'))).err).toMatch(`run ${sampleId} is already here`);
    expect(otlp.resourceLogs![0]!.scopeLogs[0]!.logRecords[2]).toMatchObject({ severityNumber: 17, severityText: 'ERROR', spanId: spans[3]!.spanId });

    const har = JSON.parse(await as('har')) as { log: { version: string; entries: { request: JsonObject; response: { status: number } }[] } };
    expect(har.log.entries.map(({ request, response }) => [request['method'], request['url'], response.status])).toEqual([
      ['POST', 'https://provider.test/v1/predictions', 201],
      ['POST', 'https://provider.test/v1/predictions', 200],
    ]);

    expect(await as('markdown')).toMatch(/^# sample: failed\n[\s\S]*## What failed in 3 upload\n\n```text\nbucket is full\n```/);
    expect(await as('text')).toBe(
      '2026-01-02T03:04:01.000Z info     plan planned {"n":1}\n2026-01-02T03:04:02.000Z info     generate asked the provider {"n":2}\n2026-01-02T03:04:03.000Z error    upload bucket is full {"n":3}\n',
    );
  });

  it('come from a pipe, and go to one that closes early', async () => {
    const started = here.start('export', sampleId);
    started.stdout!.destroy();
    const [status] = await once(started, 'exit');
    expect({ status, err: (await started.outcome).err }).toEqual({ status: 0, err: '' });

    const missing = await here.run('import', inHome('nowhere.ndjson'));
    expect(missing).toMatchObject({ status: 2, err: expect.stringContaining('no file') });
    // Standard input of a test is empty.
    expect(await here.run('import', '-')).toMatchObject({ status: 2, err: expect.stringContaining('standard input is empty') });
  });

  it('are refused as a whole when anything is wrong with them', async () => {
    const good = (await traceOf(sampleRun('0199cccc-0000-7000-8000-00000000ffff'))).replaceAll('0199cccc-0000-7000-8000-0000000000', '0199dddd-0000-7000-8000-0000000000');
    const body = good.slice(0, good.lastIndexOf('{"end"'));
    const sealed = `${body}{"end":true,"rows":17,"sha256":"${createHash('sha256').update(body).digest('hex')}"}\n`;
    const before = (await here.run('runs', '--json')).json.length;
    for (const [content, problem] of [
      [sealed.slice(0, 4_000), /the file is cut at line \d+/],
      [sealed.replace('a red', 'a bed'), /checksum in line 19/],
      [sealed.replace('"version":2', '"version":99'), /has version 99/],
      [gzipSync(sealed).subarray(0, 500), /cannot be unpacked/],
      [Uint8Array.from({ length: 3_000 }, (_, i) => (i * 7919) % 256), /UTF-8|no text/],
      ['', /is empty/],
      ['hello\nworld\n', /is no trace, no OTLP/],
      ['{"a":1}\n{"a":2}\n', /is no trace, no OTLP/],
      ['{"level":"info","msg":"fine"}\n{"level":"info","msg":', /line 2 is not JSON/],
      [`{"level":"info","msg":"deep","a":${'['.repeat(80)}${']'.repeat(80)}}\n`, /line 1: JSON nested deeper than 64 levels/],
    ] as const) {
      const outcome = await here.run('import', file('bad', content));
      expect(outcome).toMatchObject({ status: 2, out: '', err: expect.stringMatching(problem) });
      expect(outcome.err.trim().split('\n').length).toBeLessThanOrEqual(2);
    }
    // One of two files is wrong: nothing of the other is stored either.
    expect(await here.run('import', file('good.ndjson', sealed), inHome('bad'))).toMatchObject({ status: 2 });
    expect((await here.run('runs', '--json')).json).toHaveLength(before);
    expect(await here.run('import', '--dry-run', inHome('good.ndjson'))).toMatchObject({ status: 0, out: expect.stringMatching(/^Would import run/) });
    expect((await here.run('runs', '--json')).json).toHaveLength(before);
  });

  it('of programs that log as JSON become runs with a log', async () => {
    const lines = [
      { level: 30, time: 1_767_323_040_000, msg: 'started', pid: 4711, hostname: 'h' },
      { severity: 'WARNING', timestamp: '2026-01-02T03:04:01.123456Z', message: 'slow', 'trace.id': 9_007_199_254_740_993n },
      { '@timestamp': '2026-01-02 03:04:02', 'log.level': 'ERROR', message: 'failed', token: 'r8_AbCdEf0123456789AbCdEf0123456789' },
    ];
    const text = lines.map((line) => JSON.stringify(line, (_, value: unknown) => (typeof value === 'bigint' ? 'BIG' : value)).replace('"BIG"', '9007199254740993')).join('\r\n');
    const imported = await here.run('import', '--json', file('app.log', text));
    expect(imported).toMatchObject({ status: 0, json: [{ format: 'jsonl', outcome: 'stored' }] });
    const run = String(imported.json[0]!['run']);
    const log = await here.run('tail', run, '--json');
    expect(log.json).toMatchObject([
      { log_level: 'info', message: 'started', data: { pid: 4711, hostname: 'h' }, metadata: { imported: { level: 30 } } },
      { log_level: 'warn', message: 'slow', timestamp: '2026-01-02T03:04:01.123456+00:00', data: { 'trace.id': '9007199254740993' } },
      { log_level: 'error', message: 'failed' },
    ]);
    expect(log.out).not.toContain('r8_AbCd');
    expect(await here.run('import', '--json', inHome('app.log'))).toMatchObject({ status: 0, json: [{ run, outcome: 'already here' }] });
    expect(await here.run('runs', '--json')).toMatchObject({ json: expect.arrayContaining([expect.objectContaining({ test_run_id: run, log_counts: { info: 1, warn: 1, error: 1 } })]) });
  });

  it('of OpenTelemetry keep integers that a number would round', async () => {
    const otlp = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
      {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET /cart","kind":2,"startTimeUnixNano":"1767323040000000001","endTimeUnixNano":"1767323041500000002","status":{"code":2,"message":"no cart"},"novel":{"kept":true}},
      {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175","parentSpanId":"eee19b7ec3c1b174","name":"select","startTimeUnixNano":1767323040100000001,"endTimeUnixNano":1767323040200000001,
       "attributes":[{"key":"rows","value":{"intValue":"9223372036854775807"}},{"key":"small","value":{"intValue":"12"}},{"key":"db.system","value":{"stringValue":"postgresql"}}]}]}]}],
      "resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1767323040150000000","severityNumber":17,"body":{"stringValue":"boom"},"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b175"}]}]}]}`;
    const imported = await here.run('import', '--json', file('spans.json', otlp));
    expect(imported).toMatchObject({ status: 0, json: [{ format: 'otlp', run: '5b8efff798038103d269b633813fc60c', counts: { test_execution_steps: 2, test_execution_logs: 1 } }] });
    const [run, root, query] = (await here.run('show', '5b8efff798038103d269b633813fc60c', '--json')).json;
    expect(run).toMatchObject({ pipeline_key: 'shop', status: 'failed', error_message: 'no cart', total_duration_ms: 1500.000001 });
    expect(root).toMatchObject({ step_name: 'GET /cart', metadata: { imported: { startTimeUnixNano: '1767323040000000001', novel: { kept: true } } } });
    expect(query).toMatchObject({ parent_step_key: root!['step_key'], execution_context: 'database', metadata: { imported: { startTimeUnixNano: '1767323040100000001', attributes: { rows: '9223372036854775807', small: 12 } } } });
  });

  it('of OpenTelemetry are refused when the run that is here came of another content', async () => {
    const spans = (name: string): string =>
      `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60b","spanId":"eee19b7ec3c1b174","name":"${name}","startTimeUnixNano":"1767323040000000001","endTimeUnixNano":"1767323041500000002"}]}]}]}`;
    expect(await here.run('import', file('first.json', spans('one')))).toMatchObject({ status: 0 });
    expect(await here.run('import', '--json', file('other-name.json', ` ${spans('one')}`))).toMatchObject({ status: 0, json: [{ outcome: 'already here' }] });
    const { status, out, err } = await here.run('import', file('first.json', spans('two')));
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toMatch(/is not the same as in .*first\.json[^]*--as-copy/);
    expect((await here.run('import', '--as-copy', inHome('first.json'))).out).toMatch(/^Imported run/);
  });

  it('of every version are read for ever', async () => {
    for (const [name, version, steps] of [['version-1.json', 1, 2], ['version-2.ndjson', 2, 3]] as const) {
      const fixture = join(import.meta.dirname, '../../fixtures/traces', name);
      const reader = await openTraceFile(fixture);
      expect(reader.version).toBe(version);
      const [last] = (await reader.steps()).slice(-1);
      const [before] = (await reader.steps()).slice(-2);
      expect(await reader.steps()).toHaveLength(steps);
      const states = [await reader.snapshot(last!.step_key), await reader.snapshot(before!.step_key)].map((snapshot) => snapshot?.stateAfter);
      expect(Object.keys(states.find((state) => state !== null) ?? {}).length).toBeGreaterThan(1);
      expect(JSON.stringify(states)).not.toContain('$truncated');
      await reader.close();
      expect(await here.run('import', fixture)).toMatchObject({ status: 0, out: expect.stringMatching(/^Imported run .* \(trace\)/) });
    }
  });
});
