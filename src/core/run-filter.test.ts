import { describe, expect, it } from 'vitest';
import type { RunRow } from '../protocol/rows.ts';
import { isHalfTypedRunFilter, matchesRunFilter, parseRunFilter } from './run-filter.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const run = {
  test_run_id: '0199aaaa-0000-7000-8000-00000000beef',
  pipeline_key: 'generate-content',
  model_name: 'Flux Schnell',
  status: 'failed',
  error_message: 'Provider timeout after 30 s',
  notes: null,
  bookmark_name: 'the bad one',
  bookmarked: true,
  tags: ['nightly', 'x'],
  failed_step: 'call_edge_function.provider_api_call',
  current_step: null,
  step_tree: [{ key: 'call_edge_function', display: '8', name: 'Call Edge Function', aliases: [], steps: [{ key: 'call_edge_function.provider_api_call', display: '8e', name: 'Provider API Call', aliases: ['P2-10'], steps: [] }] }],
  git_commit: '0123abcd',
  environment: null,
  parent_run_id: null,
  total_duration_ms: 42_000,
  created_at: '2026-11-20T12:00:00Z',
} as unknown as RunRow;

const passes = (source: string) => matchesRunFilter(parseRunFilter(source, now), run, () => 7);

describe('a filter over runs', () => {
  it.each([
    ['', true],
    ['status=failed', true],
    ['status=failed,cancelled', true],
    ['status=completed', false],
    ['status!=failed', false],
    ['-status=completed', true],
    ['status:fail', true],
    ['status:c', false],
    ['pipeline=generate-content', true],
    ['pipeline=generate', false],
    ['pipeline=gen*', true],
    ['pipeline~content', true],
    ['model=flux*', true],
    ['model=flux', false],
    ['model:flux', true],
    ['notes=x', false],
    ['notes!=x', true],
    ['tag=x', true],
    ['tag=X', false],
    ['tag:night', true],
    ['tag=night', false],
    ['tag=night*', true],
    ['tag!=x', false],
    ['step=8e', true],
    ['step=8', false],
    ['step=8.*', true],
    ['step=call_edge_function.*', true],
    ['step=provider_api_call', true],
    ['step="Provider API Call"', true],
    ['step=P2-10', true],
    ['step~provider', true],
    ['step=9', false],
    ['since=2d', true],
    ['since=12h', false],
    ['until=12h', true],
    ['since=2026-11-19 until=2026-11-22', true],
    ['since=2026-11-20T12:00:01Z', false],
    ['duration>30s', true],
    ['duration>1m', false],
    ['-duration>1m', true],
    ['cost>5', true],
    ['cost<=6.5', false],
    ['error~"timeout after"', true],
    ['error~"after timeout"', false],
    ['error=provider*30*s', true],
    ['error=*30', false],
    ['commit=0123*', true],
    ['bookmarked', true],
    ['*', true],
    ['-bookmarked', false],
    ['"bookmarked"', false],
    ['timeout', true],
    ['NIGHT', true],
    ['failed beef', true],
    ['-timeout', false],
    ['status=failed model=flux* tag=x since=2d duration>30s cost>5 step=8e error~"timeout" bookmarked "bad one"', true],
  ])('%s: %s', (source, expected) => {
    expect(passes(source)).toBe(expected);
  });

  it.each([
    ['statsu=failed', 'there is no field "statsu" (at character 1)', 0, 'Did you mean `status`?'],
    ['tag=x status=faild', '"faild" is not a status (at character 14)', 13, 'Did you mean `failed`?'],
    ['status:nothing', '"nothing" is not a status (at character 8)', 7, expect.stringContaining('They are pending')],
    ['since=soon', '"soon" is not a time (at character 7)', 6, 'Write 30m, 2h, 3d, 1w, or a date as 2026-11-01'],
    ['since>2d', 'write since=2d (at character 6)', 5, undefined],
    ['model>x', 'model can be compared with =, != and ~ only (at character 6)', 5, undefined],
    ['duration>long', '"long" is not a duration (at character 10)', 9, 'Write 250ms, 1.5s, 2m or 3h'],
    ['cost>much', '"much" is not a number of credits (at character 6)', 5, undefined],
    ['error~"open', 'a quote is not closed (at character 7)', 6, undefined],
    ['model=', 'model has no value (at character 7)', 6, undefined],
  ])('%s goes wrong with a place', (source, message, position, hint) => {
    expect(() => parseRunFilter(source, now)).toThrow(expect.objectContaining({ code: 'usage', message, position, hint }));
  });

  it('lets no run pass for a cost nobody has told', () => {
    expect(matchesRunFilter(parseRunFilter('cost>=0', now), run)).toBe(false);
  });

  it('takes time in proportion to its length, however many stars', () => {
    const long = { ...run, error_message: 'a'.repeat(50_000) };
    expect(matchesRunFilter(parseRunFilter(`error=${'a*'.repeat(500)}b`, now), long)).toBe(false);
  });

  it('knows what is still being typed', () => {
    expect(['sta', 'tag=x mod', 'bookm'].every(isHalfTypedRunFilter)).toBe(true);
    expect(['status=', 'timeout', 'bookmarked', ''].some(isHalfTypedRunFilter)).toBe(false);
  });
});
