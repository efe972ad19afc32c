import { describe, expect, it } from 'vitest';
import type { StepRow } from '../protocol/rows.ts';
import type { StepDefinition } from '../protocol/step-definition.ts';
import { previewFork, refuseFork, type ForkFacts } from './fork-plan.ts';

const step = (key: string, effect: StepDefinition['effect'] = 'none', steps: readonly StepDefinition[] = []): StepDefinition => ({
  key, display: key.toUpperCase(), number: 1, name: key, effect, context: 'server', canEdit: true, canRerun: true, steps,
});
const tree = [step('a'), step('b', 'external'), step('c', 'none', [step('c.d')]), step('e', 'external')];
const rows = (...keys: readonly string[]): readonly StepRow[] =>
  keys.map((key) => ({ step_key: key, attempt: 1, status: 'completed', started_at: '2026-11-21T10:00:00Z', duration_ms: 10 }) as StepRow);
const all = rows('a', 'b', 'c', 'c.d', 'e');
const fact = (step_key: string, more: Partial<ForkFacts['steps'][number]> = {}): ForkFacts['steps'][number] => ({ step_key, has_inputs: true, has_state_before: true, has_state_after: true, lost: [], ...more });
const facts = (more: Partial<ForkFacts> = {}): ForkFacts => ({ steps: ['a', 'b', 'c', 'c.d', 'e'].map((key) => fact(key)), charges: [], asked: [], is_recorded: true, ...more });

describe('a fork that is previewed', () => {
  it('costs what its steps charged, asked for and took before', () => {
    const preview = previewFork(tree, 'c', all, facts({
      charges: [{ step_key: 'a', charged: 9, would_have_charged: 9 }, { step_key: 'c.d', charged: 2, would_have_charged: 3 }],
      asked: [{ step_key: 'b', provider_calls: 4, exchanges: 4 }, { step_key: 'e', provider_calls: 1, exchanges: 2 }],
    }));
    expect(preview).toMatchObject({ charged: 2, wouldHaveCharged: 3, providerCalls: 1, durationMs: 20, obstacle: undefined });
    expect(preview.repeated.map(({ key }) => key)).toEqual(['e']);
  });

  it('does not say what it costs where nothing was recorded', () => {
    expect(previewFork(tree, 'c', all, facts({ is_recorded: false }))).toMatchObject({ charged: undefined, providerCalls: undefined });
  });

  it.each([
    ['inputs that were too large', facts({ steps: ['a', 'b', 'c', 'c.d'].map((key) => fact(key)).concat(fact('e', { lost: ['picture'] })) }), 'e', /not recorded all inputs of E e: picture/, 'C.D'],
    ['no state at all', facts({ steps: [fact('a'), fact('b')] }), 'e', /not recorded the inputs of E e/, 'C'],
    ['no result before it', facts(), 'e', /no result of C.D/, 'C.D'],
  ] as const)('from a step with %s is refused, with the nearest earlier one', (_what, known, from, why, nearest) => {
    const steps = _what === 'no result before it' ? rows('a', 'b', 'c') : all;
    const preview = previewFork(tree, from, steps, known);
    expect(preview.obstacle).toMatchObject({ why: expect.stringMatching(why), nearest: { display: nearest } });
    expect(() => refuseFork(preview, 'repeat', known)).toThrow(expect.objectContaining({ code: 'usage', hint: expect.stringContaining(`Fork from ${nearest}`) }));
  });

  it('from the first step needs nothing recorded', () => {
    expect(previewFork(tree, 'a', [], facts({ steps: [] })).obstacle).toBeUndefined();
  });

  it('may take recorded answers only where there are some', () => {
    const known = facts({ asked: [{ step_key: 'b', provider_calls: 1, exchanges: 1 }] });
    expect(() => refuseFork(previewFork(tree, 'b', all, known), 'ask', known)).toThrow(/would repeat .* B b, E e/);
    expect(() => refuseFork(previewFork(tree, 'b', all, known), 'recorded', known)).toThrow(/no recorded answer for E e/);
    expect(() => refuseFork(previewFork(tree, 'b', all, known), 'repeat', known)).not.toThrow();
  });
});
