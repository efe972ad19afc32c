import { describe, expect, it } from 'vitest';
import { closest, didYouMean } from './closest.ts';
import { levelOfSeverity, levelRank, otelSeverity, parseLevel } from './levels.ts';
import { resolveStep } from './step-reference.ts';
import { uuidTimeMs, uuidv7 } from './uuid.ts';

const steps = [
  { key: 'load_model', display: '1', name: 'Load Model' },
  { key: 'call_edge', display: '8', name: 'Call Edge Function', aliases: ['P2-9'] },
  { key: 'call_edge.provider_api_call', display: '8e', name: 'Provider API Call', aliases: ['10a'] },
  { key: 'poll', display: '9', name: 'Start Polling' },
  { key: 'finish.poll', display: '14a', name: 'Finish' },
];

describe('naming a step', () => {
  it.each([
    ['8e', '8e'],
    ['8E', '8e'],
    ['call_edge', '8'],
    ['provider_api_call', '8e'],
    ['call_edge.provider_api_call', '8e'],
    ['start polling', '9'],
    ['p2-9', '8'],
    ['poll', '9'],
    [' 1 ', '1'],
  ])('%s is step %s', (reference, display) => {
    expect(resolveStep(reference, steps).display).toBe(display);
  });

  it('names the closest when there is none, and all when several fit', () => {
    expect(() => resolveStep('laod_model', steps)).toThrow(
      expect.objectContaining({ code: 'not-found', message: 'no step "laod_model"', hint: expect.stringContaining('`load_model`') }),
    );
    expect(() => resolveStep('zzzzzzzzz', steps)).toThrow(expect.objectContaining({ hint: 'The steps are 1, 8, 8e, 9, 14a' }));
    const twins = [...steps, { key: 'other.provider_api_call', display: '3a', name: 'Other' }];
    expect(() => resolveStep('provider_api_call', twins)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: '"provider_api_call" fits 2 steps: 8e call_edge.provider_api_call, 3a other.provider_api_call',
      }),
    );
  });
});

describe('what somebody may have meant', () => {
  it('prefers what begins so, then what is few edits away, and is silent about the rest', () => {
    expect(closest('run', ['rum', 'runs', 'runner', 'export'])).toEqual(['runs', 'runner', 'rum']);
    expect(closest('xyzzy', ['runs', 'export'])).toEqual([]);
    expect(didYouMean('dakr', ['dark', 'light'])).toBe('Did you mean `dark`?');
    expect(didYouMean('run', ['runs', 'runner'])).toBe('Did you mean `runs` or `runner`?');
    expect(didYouMean('', [])).toBeUndefined();
  });
});

describe('levels', () => {
  it.each([
    ['WARNING', 'warn'],
    ['Warn', 'warn'],
    [' err ', 'error'],
    ['FATAL', 'critical'],
    ['notice', 'info'],
    ['TRACE', 'debug'],
    ['loud', undefined],
    ['constructor', undefined],
  ])('%s is %s', (text, level) => {
    expect(parseLevel(text)).toBe(level);
  });

  it('are ordered, and survive OpenTelemetry', () => {
    const all = ['debug', 'info', 'warn', 'error', 'critical'] as const;
    expect(all.map(levelRank)).toEqual([0, 1, 2, 3, 4]);
    expect(all.map((level) => levelOfSeverity(otelSeverity[level]))).toEqual(all);
  });
});

describe('ids', () => {
  it('carry their time, sort by it, and are of version 7', () => {
    const random = new Uint8Array(10).fill(0xff);
    const id = uuidv7(1_763_680_000_123, random);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7fff-bfff-f{12}$/);
    expect(uuidTimeMs(id)).toBe(1_763_680_000_123);
    expect(uuidTimeMs('0a9f4d3e-1111-4111-8111-111111111111')).toBeUndefined();
    expect(uuidv7(1, random) < uuidv7(2, new Uint8Array(10))).toBe(true);
  });
});
