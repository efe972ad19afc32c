import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import type { LogRow, RunRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { blankLog, blankRun } from '../import/blank-rows.ts';
import { harText } from './har.ts';
import { markdownText } from './markdown.ts';

const context = { runId: 'run-1', idOf: (name: string) => name, now: '2026-01-02T03:04:05+00:00', name: 'test' };
const runRow = (known: Partial<RunRow>): TraceRow => ({ table: 'test_execution_runs', row: blankRun(context, known) as unknown as JsonObject });
const logRow = (seq: number, message: string, known: Partial<LogRow> = {}): TraceRow => ({ table: 'test_execution_logs', row: blankLog(context, { seq, message, ...known }) as unknown as JsonObject });

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}
async function* rowsOf(...rows: readonly TraceRow[]): AsyncGenerator<readonly TraceRow[]> {
  for (const row of rows) yield [row];
}
const har = async (...rows: readonly TraceRow[]) =>
  JSON.parse(await textOf(harText(rowsOf(...rows), { version: '1', contentOf: async (hash) => (hash === 'large' ? '{"whole":true}' : undefined) }))) as { log: { entries: JsonObject[]; comment: string } };

describe('a HAR file', () => {
  it('has what the log tells of the provider, where nothing was recorded', async () => {
    const told = logRow(2, '201 POST /v1/predictions', { execution_context: 'provider', duration_ms: 12, data: { url: 'https://p.test/v1/predictions?a=1', method: 'POST', status: 201 } });
    const { log } = await har(runRow({}), told, logRow(3, 'no address', { execution_context: 'provider' }));
    expect(log.entries).toMatchObject([{ time: 12, request: { method: 'POST', queryString: [{ name: 'a', value: '1' }] }, response: { status: 201 } }]);
    expect(log.comment).toMatch(/made of log lines/);
  });

  it('has large bodies, and says which are gone', async () => {
    const exchange = (ordinal: number, hash: string): TraceRow => ({
      table: 'recorded_exchanges',
      row: { kind: 'fetch', ordinal, step_key: 'a', method: 'GET', url: 'https://p.test/', request: { headers: {}, body: null }, status: 200, response: { headers: {}, body: { $blob: hash, bytes: 14 } }, error: null, started_at: context.now, duration_ms: 1, created_at: context.now },
    });
    const { log } = await har(runRow({}), exchange(0, 'large'), exchange(1, 'gone'));
    expect(log.entries).toMatchObject([{ response: { content: { text: '{"whole":true}', size: 14 } } }, { response: { content: { text: '', size: 14, comment: expect.stringContaining('not stored') } } }]);
  });

  it('is one without entries, too', async () => {
    expect((await har(runRow({}))).log.entries).toEqual([]);
  });
});

describe('a report in Markdown', () => {
  it('lets no text out of its block, and no markup into its lines', async () => {
    const hostile = '```\n# not a heading\n````\n<script>alert(1)</script> \u001B[2J';
    const text = await textOf(markdownText(rowsOf(runRow({ status: 'failed', error_message: hostile, notes: '[x](javascript:alert(1)) <b>| a' }), logRow(2, hostile, { log_level: 'error' }))));
    expect(text).toContain('`````text\n```\n# not a heading\n````');
    expect(text).toContain('- Notes: \\[x\\](javascript:alert(1)) \\<b\\>\\| a');
    expect(text).not.toContain('\u001B');
  });

  it('says how much of a long run it leaves out', async () => {
    const warnings = Array.from({ length: 80 }, (_, i) => logRow(i + 2, `warning ${i}`, { log_level: 'warn' }));
    const text = await textOf(markdownText(rowsOf(runRow({}), ...warnings)));
    expect(text).toMatch(/warning 59\n```\n\n… and 20 lines more\./);
  });
});
