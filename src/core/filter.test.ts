import { describe, expect, it } from 'vitest';
import type { LogRow } from '../protocol/rows.ts';
import { filterFacts, matchesFilter, parseFilter, type FilterError } from './filter.ts';

const log = {
  message: 'Provider timeout after 30 s',
  log_level: 'warn',
  execution_context: 'webhook',
  step_key: 'call_edge.provider_api_call',
  step_number: 8,
  step_name: 'Provider API Call',
  step_type: 'warning',
  data: { url: 'https://x.y', retry: 2 },
  metadata: { display: '8e' },
  function_name: 'call',
  file_path: 'src/a.ts',
  duration_ms: 1500,
} as unknown as LogRow;

describe('a filter', () => {
  it.each([
    ['', true],
    ['timeout', true],
    ['TIMEOUT', true],
    ['"timeout after"', true],
    ['"after timeout"', false],
    ['x.y', true],
    ['-timeout', false],
    ['!nothing', true],
    ['level>=warn', true],
    ['level>warn', false],
    ['level=WARNING', true],
    ['level=info,warn', true],
    ['level!=warn', false],
    ['-level=warn', false],
    ['level<=info', false],
    ['context=webhook', true],
    ['context=edge,db', false],
    ['context=edge,webhook', true],
    ['context!=edge_function', true],
    ['context=web*', true],
    ['step=8e', true],
    ['step=8', false],
    ['step=8.*', true],
    ['step=8*', true],
    ['step=80.*', false],
    ['step=call_edge.*', true],
    ['step="Provider API Call"', true],
    ['step!=8e', false],
    ['duration>1s', true],
    ['duration<=1500ms', true],
    ['duration>2m', false],
    ['function=call file=src/*', true],
    ['message:time*30', true],
    ['type=warning', true],
    ['level>=warn context=webhook step=8.* "timeout"', true],
    ['level>=warn context=client', false],
    [String.raw`"a \"quoted\""`, false],
  ])('%s: %s', (source, passes) => {
    expect(matchesFilter(parseFilter(source), log)).toBe(passes);
  });

  it('asks for a display where the row has none', () => {
    const seed = { ...log, metadata: {} };
    expect(matchesFilter(parseFilter('step=8.*'), seed)).toBe(true);
    expect(matchesFilter(parseFilter('step=8e'), seed, () => '8e')).toBe(true);
    expect(matchesFilter(parseFilter('step=8e'), seed)).toBe(false);
  });

  it.each([
    ['levle=warn', 'there is no field "levle" (at character 1)', 0, 'Did you mean `level`?'],
    ['a level=wran', '"wran" is not a level (at character 9)', 8, 'Did you mean `warn`?'],
    ['context=webhok', '"webhok" is not a context (at character 9)', 8, 'Did you mean `webhook`?'],
    ['ok "open', 'a quote is not closed (at character 4)', 3, undefined],
    ['level=', 'level has no value (at character 7)', 6, undefined],
    ['step>8', 'step can be compared with = and != only (at character 5)', 4, undefined],
    ['duration>soon', '"soon" is not a duration (at character 10)', 9, 'Write 250ms, 1.5s or 2m'],
  ])('%s goes wrong with a place', (source, message, position, hint) => {
    expect(() => parseFilter(source)).toThrow(expect.objectContaining({ code: 'usage', message, position, hint }));
  });

  it.each([
    ['/time.?out/', true], ['/TIMEOUT after \\d+ s$/', true], ['-/timeout/', false], ['/"retry":[0-9]/', true], ['/^after/', false], ['/after/ level>=warn', true],
    ['/src/a.ts', false], ['"/time/"', false], ['/provider timeout/ -/x\\.z/', true],
  ] as const)('%j takes patterns between slashes: %s', (source, passes) => {
    expect(matchesFilter(parseFilter(source), log)).toBe(passes);
  });

  it('says where a pattern is wrong', () => {
    const problem = (source: string) => {
      try {
        parseFilter(source);
      } catch (error) {
        return [(error as FilterError).message, (error as FilterError).position];
      }
      return undefined;
    };
    expect(problem('level>=warn /a(b/')).toEqual(['the pattern is not understood: missing closing ) (at character 14)', 13]);
    expect(problem('/ab[z-a]/')).toEqual(['the pattern is not understood: invalid character class range (at character 5)', 4]);
    expect(problem(`/${'a'.repeat(300)}/`)?.[0]).toContain('the pattern is too long');
  });

  it('takes linear time, whatever a person types', () => {
    const long = { ...log, message: 'a'.repeat(200_000), data: null, step_key: 'a'.repeat(200) };
    const started = process.cpuUsage();
    for (const source of [`message=${'*a'.repeat(300)}*b`, `message~${'a*'.repeat(300)}b`, `step=${'a*'.repeat(90)}.*`, '/(a+)+b/']) matchesFilter(parseFilter(source), long);
    expect(process.cpuUsage(started).user).toBeLessThan(2_000_000);
  });

  it('tells what it asks that needs no row', () => {
    const facts = filterFacts(parseFilter('level>=warn -level=critical context=edge "Time Out" -not'));
    expect([0, 1, 2, 3, 4].map(facts.level)).toEqual([false, false, true, true, false]);
    expect([facts.context('edge_function'), facts.context('client'), facts.words, facts.areAll]).toEqual([true, false, ['time out'], false]);
    expect(['level=error context!=db', 'level=error timeout', 'timeout -retry', 'timeout step=8'].map((text) => filterFacts(parseFilter(text)).areAll)).toEqual([true, true, false, false]);
  });
});
