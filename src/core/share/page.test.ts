import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CommentRow } from '../../protocol/debug-rows.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { LogRow } from '../../protocol/rows.ts';
import { at, logRow, runRow, stepRow } from '../../tui/testing.tsx';
import { sharedPage } from './page.ts';
import type { SharedRun } from './page.ts';
import { pageScript, pageStyle } from './page-parts.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64');

async function pageOf(change: Partial<SharedRun>): Promise<string> {
  const source: SharedRun = { run: runRow(), steps: [], comments: [], bookmarks: [], values: () => Promise.resolve(undefined), logs: () => rows([]), ...change };
  let page = '';
  for await (const piece of sharedPage(source, { sha256, sharedAt: at(0), version: '1.2.3' })) page += piece;
  return page;
}

async function* rows<Row>(all: Iterable<Row>): AsyncGenerator<Row> {
  yield* all;
}

function comment(change: Partial<CommentRow>): CommentRow {
  return { id: 'c', test_run_id: 'r', step_key: null, log_id: null, path: null, body: 'hm', resolved: false, author: null, author_name: 'ada@example', created_at: at(0), updated_at: at(0), ...change };
}

/** What stands in the page besides its own style and script: each `<` must begin a tag that we have written. */
function textAround(page: string): string {
  return page.replace(`<style>${pageStyle}</style>`, '').replace(`<script>${pageScript}</script>`, '');
}

const ownTag =
  /^<(?:!doctype html|\/?(?:html|head|body|title|h1|h2|h3|p|dl|dt|dd|pre|ol|li|details|summary|span|div|svg|rect|footer|strong|form|select|option|input|meta)(?:\s+(?:hidden|[a-zA-Z-]+="[^"<>]*"))*\s*\/?)>/;

const hostile: readonly string[] = [
  ...(JSON.parse(readFileSync(join(import.meta.dirname, '../../../fixtures/naughty-strings/blns.json'), 'utf8')) as string[]),
  '</script><script>alert(1)</script>',
  '</style><img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "' onmouseover='alert(1)",
  '--><!--<script>',
  ']]><![CDATA[',
  '</title></textarea></pre></summary></details><h1>',
  '&lt;script&gt;&#60;',
  '\u2028\u2029<\u0000script>',
  '\ud800<b>\udfff',
  'a\u202eb\u001b]52;c;ZXZpbA==\u0007',
  '`${alert(1)}`',
];

describe('a shared page', () => {
  it('keeps everything of a run text, whatever it is and wherever it stands', async () => {
    for (let i = 0; i < hostile.length; i += 40) {
      const some = hostile.slice(i, i + 40);
      const all = some.join('\n');
      const value: JsonObject = Object.fromEntries(some.map((text, n) => [`${n}${text}`, text]));
      const page = await pageOf({
        run: runRow({ bookmark_name: all, pipeline_key: all, pipeline_version: all, model_name: all, notes: all, tags: some, environment: all, git_commit: all, error_message: all, error_stack: all, inputs: value, status: 'failed', failed_step: 'load_model' }),
        steps: some.map((text, n) => stepRow('load_model', { step_key: text, display: text, step_name: text, description: text, error_message: text, error_stack: text, attempt: n + 1, parent_step_key: text })),
        comments: [comment({ body: all, author_name: all, path: all }), comment({ body: all, step_key: some[0]! }), comment({ body: all, log_id: 'l0' })],
        values: () => Promise.resolve({ inputs: value, outputs: value, stateBefore: {}, stateAfter: value }),
        logs: () => rows(some.map((text, n) => logRow(n, text, { id: `l${n}`, step_name: text, step_key: n % 2 === 0 ? null : text, data: value }))),
      });
      const around = textAround(page);
      expect(around.length).toBeLessThan(page.length);
      for (const { index } of around.matchAll(/</g)) expect(around.slice(index, index + 300)).toMatch(ownTag);
      for (const { index } of around.matchAll(/&/g)) expect(around.slice(index, index + 8)).toMatch(/^&(?:amp|lt|gt|quot|#39|#96);/);
      // eslint-disable-next-line no-control-regex
      expect(around).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/);
    }
  });

  it('lets only its own style and script apply, and asks no network for anything', async () => {
    const page = await pageOf({ logs: () => rows([logRow(1, 'see https://evil.example/x.png')]) });
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    expect(policy).toBe(`default-src 'none'; style-src 'sha256-${sha256(pageStyle)}'; script-src 'sha256-${sha256(pageScript)}'; base-uri 'none'; form-action 'none'`);
    expect(page.match(/<script|<style/g)).toEqual(['<style', '<script']);
    expect(page.match(/<style>([\s\S]*?)<\/style>/)![1]).toBe(pageStyle);
    expect(page.match(/<script>([\s\S]*?)<\/script>/)![1]).toBe(pageScript);
    expect(page).not.toMatch(/ (?:style|src|href|on\w+)="|url\(|@import/);
  });

  it('tells what failed first, then comments, steps with their values, and the log', async () => {
    const page = await pageOf({
      run: runRow({ status: 'failed', failed_step: 'load_model', error_message: 'no such model' }),
      steps: [stepRow('load_model', { status: 'failed', error_message: 'no such model' })],
      comments: [comment({ body: 'whose model is it?' }), comment({ body: 'not mine', step_key: 'load_model' })],
      values: () => Promise.resolve({ inputs: { width: 512 }, outputs: null, stateBefore: { a: 1, kept: 1 }, stateAfter: { a: 2, kept: 1 } }),
      logs: () => rows([logRow(1_500, 'asked', { data: { status: 503 } })]),
    });
    const places = ['What failed in 1', 'no such model', 'whose model is it?', 'id="steps"', 'not mine', '&quot;width&quot;: 512', '- /a 1', '+ /a 2', 'id="log"', '+1.500', 'asked', '&quot;status&quot;: 503', 'Made by stepscope 1.2.3'];
    expect(places.map((text) => page.indexOf(text))).not.toContain(-1);
    expect(places.map((text) => page.indexOf(text))).toEqual(places.map((text) => page.indexOf(text)).toSorted((a, b) => a - b));
    expect(page).not.toContain('kept 1');
  });

  it('masks once more what it is given', async () => {
    const secret = 'sk-live-4242424242424242abcdEFGH';
    const page = await pageOf({
      run: runRow({ notes: `Authorization: Bearer ${secret}`, inputs: { apiKey: secret } }),
      steps: [stepRow('load_model', { error_message: `token=${secret}` })],
      comments: [comment({ body: `password: ${secret}` })],
      values: () => Promise.resolve({ inputs: { api_key: secret }, outputs: { token: secret }, stateBefore: {}, stateAfter: { secret } }),
      logs: () => rows([logRow(1, `api_key=${secret}`, { data: { authorization: secret } })]),
    });
    expect(page).not.toContain(secret);
    expect(page).not.toContain(secret.slice(0, 12));
  });

  it('stays within its size, keeps the errors of the log, and says what is left out', async () => {
    const large = 'x'.repeat(limits.sharedValueBytes * 2);
    function* many(): Generator<LogRow> {
      for (let i = 0; i < 60_000; i++) yield logRow(i, i === 59_000 ? 'the needle' : `line ${i} ${'y'.repeat(300)}`, i === 59_000 ? { log_level: 'error' } : {});
    }
    const page = await pageOf({
      steps: Array.from({ length: 40 }, (_, i) => stepRow('load_model', { id: `s${i}`, attempt: i + 1 })),
      values: () => Promise.resolve({ inputs: { large }, outputs: { large }, stateBefore: null, stateAfter: null }),
      logs: () => rows(many()),
    });
    expect(Buffer.byteLength(page)).toBeLessThan(limits.sharedPageBytes * 1.2);
    expect(page).toContain('more characters left out');
    expect(page).toMatch(/Left out, for the size of this page: the values of \d+ steps and [\d,]+ lines of the log\./);
    expect(page).toContain('the needle');
    expect(page.match(/<li class="main"/g)).toHaveLength(40);
  });
});
