import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildProgram, installation } from './testing.ts';
import type { Installation } from './testing.ts';

vi.setConfig({ testTimeout: 120_000 });

let here: Installation;
let failed = '';
let fine = '';

beforeAll(async () => {
  buildProgram();
  here = installation();
  // One backend for all: each call would otherwise open the database anew.
  await here.start('serve', '--port', '0').says(/http:\/\/\S+/);
  const runOf = async (...args: string[]): Promise<string> => {
    const { json } = await here.run('run', 'generate-content', '--json', ...args);
    return json.map((one) => one['test_run_id'] ?? one['run']).find((id): id is string => typeof id === 'string')!;
  };
  [fine, failed] = await Promise.all([runOf('--tag', 'night'), runOf('--simulate', 'fail,latency=0')]);
}, 120_000);
afterAll(async () => {
  await here.remove();
});

const found = async (...filter: string[]): Promise<readonly unknown[]> => (await here.run('runs', '--json', ...filter)).json.map((run) => run['test_run_id']);

describe('the history', () => {
  it('is searched by the filter grammar, and by the options of old', async () => {
    expect(await found('status=failed', 'error~NSFW', 'since=1h')).toEqual([failed]);
    expect(await found('tag=night !status=failed')).toEqual([fine]);
    expect(await found('step=10')).toContain(failed);
    // What was charged for the one that failed was given back.
    expect(await found('cost>=1')).toEqual([fine]);
    expect(await found('cost<1')).toEqual([failed]);
    expect(await found('--status', 'completed', '--tag', 'night', '--search', 'generate')).toEqual([fine]);
    const none = await here.run('runs', 'pipeline=nothing');
    expect(none).toMatchObject({ status: 0, out: '', err: 'No run passes the filter.\n' });
    const wrong = await here.run('runs', 'statsu=failed');
    expect(wrong.status).toBe(2);
    expect(wrong.err).toMatch(/there is no field "statsu" \(at character 1\)\nDid you mean `status`\?/);
  });

  it('keeps bookmarks with name, tags and a note', async () => {
    expect((await here.run('bookmark', fine, '--name', 'baseline', '--tag', 'works', '--note', 'good light')).out).toContain(`Bookmarked ${fine}: baseline #night #works good light`);
    expect(await found('bookmarked', 'name=base*', 'tag=works')).toEqual([fine]);
    expect((await here.run('bookmark', fine, '--remove', '--untag', 'night')).out).toContain('#works good light');
    expect(await found('bookmarked')).toEqual([]);
  });

  it('marks lines of a log, and shows which are marked', async () => {
    const line = (await here.run('tail', fine, '--json')).out.split('\n', 1)[0]!;
    const { seq, message } = JSON.parse(line) as { seq: number; message: string };
    expect((await here.run('bookmark', fine, '--line', `#${seq}`, '--note', 'it begins here')).out).toBe(`Marked line ${seq}: it begins here\n`);
    const { out } = await here.run('show', fine);
    expect(out).toMatch(new RegExp(`marked lines\nline ${seq}  \\d\\d:\\d\\d:\\d\\d\\.\\d{3}  `));
    expect(out).toContain(`  ${message}  (local@stepscope)\n  it begins here\n`);
    expect((await here.run('bookmark', fine, '--line', '987654')).err).toContain('no line 987654 in the log of this run');
    expect((await here.run('bookmark', fine, '--line', 'x')).status).toBe(2);
    expect((await here.run('bookmark', fine, '--line', String(seq), '--remove')).out).toBe(`Line ${seq} is not marked any more.\n`);
    expect((await here.run('bookmark', fine, '--line', String(seq), '--remove')).err).toContain(`line ${seq} is not marked`);
  });
});

describe('what people say about a run', () => {
  it('is shown with it and at its step, and settled', async () => {
    expect((await here.run('comment', failed, '--step', '10', 'who wrote', 'this prompt?')).out).toBe('Said as local@stepscope.\n');
    expect((await here.run('show', failed)).out).toMatch(/comments\nlocal@stepscope, .*, step 10 {2}\w{6}\n {2}who wrote this prompt\?\n$/);
    expect((await here.run('show', failed, '--step', '10')).out).toContain('who wrote this prompt?');
    const [comment] = (await here.run('comment', failed, '--json')).json;
    expect((await here.run('comment', failed, '--resolve', (comment!['id'] as string).slice(-6))).out).toBe('Settled.\n');
    expect((await here.run('comment', failed, '--step', '99', 'x')).status).toBe(2);
    expect((await here.run('comment', failed, '--log', '0199aaaa-0000-7000-8000-000000000001', 'x')).err).toContain('no line');
  });
});

describe('sharing a run', () => {
  it('writes one page, of a stored run as of a recording of it, and the audit log knows', async () => {
    const [page, trace, again] = ['page.html', 'run.ndjson', 'again.html'].map((name) => join(here.dataDir, name)) as [string, string, string];
    expect((await here.run('share', failed, '-o', page)).out).toMatch(/^Wrote \S+page\.html \(\d+ KB\)\. Open it in any browser\.\n$/);
    expect(statSync(page).mode & 0o777).toBe(0o600);
    const html = readFileSync(page, 'utf8');
    expect(html).toMatch(/What failed in 10 Provider Response[\s\S]*NSFW content detected[\s\S]*who wrote this prompt\?[\s\S]*id="log"/);

    await here.run('export', failed, '-o', trace);
    expect((await here.run('share', trace, '-o', again, '--json')).json).toMatchObject([{ run: failed, file: again }]);
    const withoutTime = (text: string): string => text.replace(/on \S+\. Secrets/, '');
    expect(withoutTime(readFileSync(again, 'utf8'))).toBe(withoutTime(html));
    expect((await here.run('share', failed, '-o', '-')).out).toMatch(/^<!doctype html>/);
    expect((await here.run('share', 'nosuchrun', '-o', join(here.dataDir, 'none.html'))).status).toBe(2);
    expect(existsSync(join(here.dataDir, 'none.html'))).toBe(false);
  });
});

describe('a session', () => {
  it('is begun, joined, listed and ended', async () => {
    expect((await here.run('session', 'start', failed, '--name', 'pairing')).out).toMatch(/^Began the session "pairing"/);
    const joined = here.start('session', 'join', failed);
    await joined.says(/1 here: you/);
    const other = here.start('session', 'join', failed);
    await joined.says(/2 here: local 2, you/);
    expect((await here.run('session', 'list')).out).toMatch(/pairing\s+\w{6}\s+local@stepscope\s+.*open/);
    expect((await here.run('session', 'end', failed)).out).toBe('Ended the session "pairing".\n');
    expect(await joined.outcome).toMatchObject({ status: 0, err: 'The session has ended.\n' });
    expect((await other.outcome).status).toBe(0);
    expect((await here.run('session')).err).toContain('No session.');
    expect((await here.run('session', 'join', failed)).status).toBe(2);
  });
});
