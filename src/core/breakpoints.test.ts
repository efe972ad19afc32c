import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { BreakpointRow } from '../protocol/rows.ts';
import { checkBreakpoint, breakpointWords, doubtsAbout } from './breakpoint-draft.ts';
import type { BreakpointDraft } from './breakpoint-draft.ts';
import { meet, parseHitCondition, parseLogMessage, readyBreakpoint } from './breakpoints.ts';
import type { BreakEvent, BreakMemory } from './breakpoints.ts';
import { evaluate } from './evaluate.ts';
import { ExpressionError } from './expression-error.ts';
import { isHeldAfter, laterReason, reasonWords } from './hold-reason.ts';
import { isStepNamed } from './step-glob.ts';
import { slowTimes } from './step-times.ts';
import { watchValues } from './watch.ts';

const send = { key: 'call.send', display: '8e', name: 'Send' };
const facts: JsonObject = { outputs: { width: 4096, mode: 'fast' }, step: { display: '8e' } };
const scope = (name: string): Json | undefined => facts[name];

let count = 0;
function breakpoint(draft: Partial<BreakpointDraft>, change: Partial<BreakpointRow> = {}): BreakpointRow {
  count += 1;
  const columns = checkBreakpoint({ pipelineKey: 'p', kind: 'step', target: draft.kind === undefined ? '8e' : null, ...draft });
  return { ...columns, id: `b${count}`, number: 3, enabled: true, created_by: null, created_at: '', updated_at: '', ...change };
}
/** What the events lead to, one after the other: reasons, and lines of log points. */
function walk(row: BreakpointRow, ...events: readonly BreakEvent[]): readonly string[] {
  const ready = [readyBreakpoint(row)];
  let memory: BreakMemory = new Map();
  return events.flatMap((event) => {
    const meeting = meet(ready, event, scope, memory);
    memory = meeting.memory;
    return [...meeting.stops.map((stop) => stop.reason), ...meeting.lines.map((line) => `log: ${line.message}`), ...meeting.notices.map((notice) => `notice: ${notice.message}`)];
  });
}
const before: BreakEvent = { kind: 'before', step: send };
const after: BreakEvent = { kind: 'after', step: send };
const failed: BreakEvent = { kind: 'failed', step: send };
const warned: BreakEvent = { kind: 'logged', step: send, level: 'warn', message: 'low memory' };
const charged = (from: number, to: number): BreakEvent => ({ kind: 'charged', step: send, before: from, after: to });

describe('a breakpoint', () => {
  it.each<[string, BreakpointRow, BreakEvent, readonly string[]]>([
    ['before a step', breakpoint({}), before, ['breakpoint #3 on 8e']],
    ['before a step, not after it', breakpoint({}), after, []],
    ['after a step', breakpoint({ moment: 'after' }), after, ['breakpoint #3 on 8e']],
    ['after a step, not before it', breakpoint({ moment: 'after' }), before, []],
    ['before another step', breakpoint({ target: '8' }), before, []],
    ['before steps of a pattern', breakpoint({ target: '8.*' }), before, ['breakpoint #3 on 8e']],
    ['that is off', breakpoint({}, { enabled: false }), before, []],
    ['on any error', breakpoint({ kind: 'error' }), failed, ['error breakpoint #3']],
    ['on the error of a step', breakpoint({ kind: 'error', target: 'call.*' }), failed, ['error breakpoint #3']],
    ['on the error of another step', breakpoint({ kind: 'error', target: '7' }), failed, []],
    ['on errors, when none happens', breakpoint({ kind: 'error' }), before, []],
    ['at a line of its level', breakpoint({ kind: 'level', level: 'warn' }), warned, ['breakpoint #3: warn "low memory"']],
    ['at a line of a lower level', breakpoint({ kind: 'level', level: 'error' }), warned, []],
    ['on cost, when the charges reach it', breakpoint({ kind: 'cost', threshold: 5 }), charged(3, 5), ['breakpoint #3: 5 credits charged']],
    ['on cost, below it', breakpoint({ kind: 'cost', threshold: 5 }), charged(3, 4), []],
    ['on cost, which was reached before', breakpoint({ kind: 'cost', threshold: 5 }), charged(5, 9), []],
    ['with a condition that holds', breakpoint({ moment: 'after', condition: 'outputs.width > 4000' }), after, ['breakpoint #3: outputs.width = 4096']],
    ['with a condition that does not', breakpoint({ moment: 'after', condition: 'outputs.width > 5000' }), after, []],
    ['with an error and a condition', breakpoint({ kind: 'error', condition: 'outputs.mode == "fast"' }), failed, ['error breakpoint #3: outputs.mode = "fast"']],
    ['that logs', breakpoint({ logMessage: 'width {outputs.width} of {{all}}, {outputs.mode}{outputs.height}' }), before, ['log: width 4096 of {all}, fast(no value)']],
  ])('%s', (_name, row, event, what) => {
    expect(walk(row, event)).toEqual(what);
  });

  it('is met by the one step that is slow, and the one place that changed, which name it', () => {
    const slow = breakpoint({ kind: 'slow', threshold: 500 });
    expect(walk(slow, { kind: 'slow', step: send, id: slow.id, limitMs: 500 })).toEqual(['breakpoint #3: 8e has run longer than 500 ms']);
    expect(walk(slow, { kind: 'slow', step: send, id: 'other', limitMs: 500 })).toEqual([]);
    const path = breakpoint({ kind: 'path', path: '/image' });
    expect(walk(path, { kind: 'changed', step: send, id: path.id, before: undefined, after: { url: 'x' } })).toEqual(['breakpoint #3: /image changed, nothing → {"url":"x"}']);
    expect(walk(path, { kind: 'changed', step: send, id: 'other', before: 1, after: 2 })).toEqual([]);
  });

  it('counts hits after its condition', () => {
    const times = (hitCondition: string) => walk(breakpoint({ hitCondition }), ...Array.from({ length: 10 }, () => before)).length;
    expect([times('3'), times('>=3'), times('== 3'), times('% 5'), times('>8'), times('<3'), times('<= 3')]).toEqual([8, 8, 1, 2, 2, 2, 3]);
    expect(walk(breakpoint({ hitCondition: '1', condition: 'outputs.width < 1' }), before, before)).toEqual([]);
  });

  it('says once that its condition asks for what is not there, or is stored as nonsense, and lets pass', () => {
    expect(walk(breakpoint({ condition: 'outputs.height > 1' }), before, before)).toEqual(['notice: breakpoint #3 is not met: outputs.height has no value']);
    expect(walk(breakpoint({ condition: 'outputs.width' }), before, before)).toEqual(['notice: breakpoint #3 is not met: its condition is 4096, neither true nor false']);
    expect(walk(breakpoint({}, { condition: 'outputs.width >' }), before, before)).toEqual([
      'notice: breakpoint #3 is not met: the expression ends too early (at character 16)',
    ]);
  });

  it('stops writing when it has written too much', () => {
    const lines = walk(breakpoint({ logMessage: 'here' }), ...Array.from({ length: 1_200 }, () => before));
    expect(lines.filter((line) => line === 'log: here')).toHaveLength(1_000);
    expect(lines.at(-1)).toBe('notice: log point #3 has written 1,000 lines and writes no more in this run');
  });
});

describe('a draft of a breakpoint', () => {
  it.each<[Partial<BreakpointDraft>, RegExp]>([
    [{ target: null }, /needs the step/],
    [{ kind: 'error', moment: 'after' }, /no before and after/],
    [{ kind: 'cost' }, /needs the credits/],
    [{ kind: 'slow', threshold: -1 }, /no threshold/],
    [{ kind: 'path', path: 'image' }, /no place in the state/],
    [{ kind: 'path' }, /no place in the state/],
    [{ hitCondition: 'often' }, /how many hits/],
    [{ hitCondition: '% 0' }, /how many hits/],
    [{ hitCondition: '0' }, /hits are counted from 1/],
    [{ hitCondition: '== 0' }, /hits are counted from 1/],
    [{ condition: '"abc"' }, /always "abc", neither true nor false/],
    [{ condition: '1 + 2' }, /always 3/],
    [{ condition: 'outputs.width >' }, /ends too early \(at character 16\)/],
    [{ logMessage: 'width {outputs.width' }, /not closed \(at character 7\)/],
    [{ logMessage: 'x', needsApproval: true }, /nothing to approve/],
  ])('%j is refused', (draft, words) => {
    expect(() => breakpoint(draft)).toThrow(words);
  });

  it('is told in words, with what is doubtful', () => {
    const words = (draft: Partial<BreakpointDraft>) => breakpointWords(breakpoint(draft), [send]);
    expect(words({})).toBe('before 8e Send');
    expect(words({ moment: 'after', condition: 'outputs.width > 1', hitCondition: '3' })).toBe('after 8e Send, if outputs.width > 1, from hit 3 on');
    expect(words({ kind: 'slow', threshold: 1500, target: 'call.send' })).toBe('when 8e Send runs longer than 1.5 s');
    expect(words({ kind: 'slow' })).toBe('when a step runs longer than 95 of 100 earlier runs');
    expect(words({ kind: 'level', level: 'warn', logMessage: 'hm' })).toBe('at a line of level warn or above, logs "hm"');
    expect(words({ kind: 'path', path: '/image', needsApproval: true })).toBe('when /image changes, asks for approval');
    expect(doubtsAbout(breakpoint({ target: '*upload*' }), [send])).toEqual(['no step of the pipeline is *upload*; the steps are 8e']);
    expect(doubtsAbout(breakpoint({ target: '*send' }), [send])).toEqual([]);
    expect(doubtsAbout(breakpoint({ condition: 'outputs.width > 1' }), [send])).toEqual([expect.stringContaining('before a step there are no outputs yet')]);
    expect(doubtsAbout(breakpoint({ condition: 'outputs.width > 1', moment: 'after' }), [send])).toEqual([]);
    expect(doubtsAbout(breakpoint({ condition: 'inputs.outputs > 1' }), [send])).toEqual([]);
  });
});

describe('the parts of breakpoints', () => {
  it('fit steps by key, number and pattern, in time linear in both', () => {
    const names = (target: string) => isStepNamed(target, send);
    expect(['8E', 'call.send', '8.*', 'call.*', '*send', 'c*s*d', '*', '8*'].filter((target) => !names(target))).toEqual([]);
    expect(['8', '80.*', 'send', 'call.send.*x', 'call.s*nd.x', '*x*', '8e.a'].filter(names)).toEqual([]);
    const deep = { key: 'work.sub-load', display: '2a', name: 'Fetch the rows' };
    expect(['sub-*', '*load*', 'fetch*', '*the*', '2*', 'work.*'].filter((target) => !isStepNamed(target, deep))).toEqual([]);
    expect(['load*', '*fetched*', 'sub'].filter((target) => isStepNamed(target, deep))).toEqual([]);
    expect(isStepNamed('*a*'.repeat(100), { key: 'a'.repeat(399), display: '1' })).toBe(true);
    expect(isStepNamed('aa*aa', { key: 'aaa', display: '1' })).toBe(false);
  });

  it('read hit conditions and messages, braces within quotes too', () => {
    expect(parseHitCondition('>= 2')(2)).toBe(true);
    expect(parseLogMessage('it is {{so}}')).toEqual(['it is {so}']);
    const [expression] = parseLogMessage('{ {"a}": 1}["a}"] }') as [Exclude<ReturnType<typeof parseLogMessage>[number], string>];
    expect(evaluate(expression, scope)).toEqual({ kind: 'value', value: 1 });
    expect(() => parseLogMessage('{outputs.}')).toThrow(ExpressionError);
  });

  it('tell a hold before a step from one after it, and say why without the number sign', () => {
    expect(isHeldAfter({ pause_reason: 'after 8e, breakpoint #3: outputs.width = 4096' })).toBe(true);
    expect(isHeldAfter({ pause_reason: 'breakpoint #3 on 8e' })).toBe(false);
    expect(reasonWords('after 8e, breakpoint #3: outputs.width = 4096')).toBe('breakpoint 3, outputs.width = 4096');
    expect(reasonWords('step')).toBe('step');
    expect(laterReason('8e', 'breakpoint #3 on 8e')).toBe('breakpoint #3 on 8e');
    expect(laterReason('8e', 'breakpoint #3: 5 credits charged')).toBe('breakpoint #3: 5 credits charged (at 8e)');
  });

  it('know what is slow from five earlier runs on', () => {
    const rows = (durations: readonly number[]) => durations.map((duration_ms) => ({ step_key: 'a', duration_ms }));
    expect(slowTimes(rows([5, 1, 4, 2, 3]))).toEqual({ a: 5 });
    expect(slowTimes(rows(Array.from({ length: 100 }, (_, index) => index + 1)))).toEqual({ a: 95 });
    expect(slowTimes([...rows([1, 2, 3, 4]), { step_key: 'a', duration_ms: null }])).toEqual({});
  });

  it('show watches, each by itself', () => {
    expect(watchValues(['outputs.width * 2', 'outputs.height', 'outputs.'], scope)).toEqual([
      { expression: 'outputs.width * 2', outcome: { kind: 'value', value: 8192 } },
      { expression: 'outputs.height', outcome: { kind: 'none', why: 'outputs.height has no value' } },
      { expression: 'outputs.', outcome: { kind: 'refused', why: 'the expression ends too early (at character 9)' } },
    ]);
  });
});
