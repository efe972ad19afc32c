import { describe, expect, it } from 'vitest';
import { firstBadStep } from './first-bad-step.ts';

const conversation = (...said: readonly (readonly [string, string])[]) => firstBadStep(said.map(([name, text], i) => ({ key: `s${i}`, name, text })));
const task = ['planner', 'Task: how many people live in the two towns together?'] as const;

describe('the step that went wrong first', () => {
  it('is who works with made-up data, and not who goes on with them', () => {
    const found = conversation(task, ['researcher', 'I cannot open the page. For now let us assume the following sample data: 1200 and 800.'], ['analyst', 'With the sample data the sum is 1200 + 800 = 2000.'], ['reviewer', 'Agreed: 2000.']);
    expect(found).toMatchObject({ key: 's1', name: 'researcher', evidence: expect.arrayContaining([expect.stringContaining('made-up data')]) });
  });

  it('is who states figures that nobody has found', () => {
    const found = conversation(task, ['researcher', 'Let me look both up.'], ['researcher', 'The towns have 48213 and 1907331 inhabitants.'], ['analyst', 'Together 48213 + 1907331 = 1955544.']);
    expect(found).toMatchObject({ index: 2, evidence: [expect.stringContaining('48213, 1907331')] });
  });

  it('is who wrote what fails when it is executed', () => {
    const found = conversation(task, ['coder', '```python\nprint(total)\n```'], ['terminal', 'exitcode: 1 (execution failed)\nNameError: total'], ['coder', 'Sorry.']);
    expect(found).toMatchObject({ index: 1, evidence: expect.arrayContaining([expect.stringContaining('failed in step 3')]) });
  });

  it('is whose work the next one doubts', () => {
    const found = conversation(task, ['coder', 'I counted the rows.'], ['reviewer', 'It seems there was an error: this is improbable.']);
    expect(found).toMatchObject({ index: 1 });
  });

  it('is guessed with little confidence where nothing tells', () => {
    const found = conversation(task, ['analyst', 'We agree on the plan.'], ['reviewer', 'Yes.']);
    expect(found?.confidence).toBeLessThan(0.3);
    expect(firstBadStep([])).toBeUndefined();
  });

  it('takes time in proportion to the text', () => {
    const noise = `${'1,'.repeat(20_000)} ${'assume '.repeat(20_000)} ${'```'.repeat(9_999)} ${'0'.repeat(50_000)} ${'no code '.repeat(9_999)}`;
    const started = performance.now();
    conversation(task, ['a', noise], ['terminal', noise]);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
