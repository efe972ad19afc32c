import { describe, expect, it } from 'vitest';
import type { StepRow } from '../../protocol/rows.ts';
import { alignSteps } from './align-steps.ts';
import type { HintsOf } from './align-steps.ts';
import { recordedRun } from './testing.ts';

type Step = string | (Partial<StepRow> & Pick<StepRow, 'step_key'>);

/** Each line as `left = right`, `~` where likeness paired them, `^` where a step moved. */
function aligned(a: readonly Step[], b: readonly Step[], hintsOf?: HintsOf): readonly string[] {
  return alignSteps(recordedRun('a', a).steps, recordedRun('b', b).steps, hintsOf).map(({ a, b, depth, match, isMoved }) => {
    const sign = isMoved ? '^' : match === 'likeness' ? '~' : '=';
    return `${'  '.repeat(depth)}${a?.step_key ?? '-'} ${sign} ${b?.step_key ?? '-'}`;
  });
}

describe('aligning the steps of two runs', () => {
  it('pairs steps of one key, and shows what only one run has where it ran', () => {
    expect(aligned(['load', 'check', 'send', 'store'], ['load', 'send', 'notify', 'store'])).toEqual(['load = load', 'check = -', 'send = send', '- = notify', 'store = store']);
  });

  it('finds a renamed step between those that stayed', () => {
    expect(aligned(['load', 'call_provider', 'store'], ['load', 'call_the_provider', 'audit', 'store'])).toEqual([
      'load = load', 'call_provider ~ call_the_provider', '- = audit', 'store = store',
    ]);
    expect(aligned([{ step_key: 'a1', step_name: 'Resize the picture' }], [{ step_key: 'q7', step_name: 'Resize pictures' }])).toEqual(['a1 ~ q7']);
  });

  it('does not take two steps for one because they stand at one place', () => {
    expect(aligned(['load', 'translate', 'store'], ['load', 'deduct_credits', 'store'])).toEqual(['load = load', 'translate = -', '- = deduct_credits', 'store = store']);
  });

  it('does not take a step for another that shares a word with it', () => {
    for (const [old, now] of [['load_model', 'store_model'], ['send_mail', 'send_report'], ['resize_image', 'rotate_image']] as const) {
      expect(aligned(['begin', old, 'end'], ['begin', now, 'end'])).toEqual(['begin = begin', `${old} = -`, `- = ${now}`, 'end = end']);
    }
  });

  it('knows a step by its source and fields when key and name are others', () => {
    const source = 'async (context) => {\n  const prompt = await context.provider.create(context.inputs.prompt);\n  return { prompt };\n}';
    const hintsOf: HintsOf = (step) => ({ source: step.step_key === 'tail' ? 'x' : source, fields: ['prompt', 'model'] });
    expect(aligned(['first', 'tail'], ['generate', 'tail'], hintsOf)).toEqual(['first ~ generate', 'tail = tail']);
  });

  it('pairs sub-steps only within the steps they belong to, also below a renamed one', () => {
    expect(aligned(['prepare', 'prepare.read', 'prepare.parse', 'send', 'send.read'], ['preparation', 'preparation.read', 'preparation.parse_all', 'send', 'send.write'])).toEqual([
      'prepare ~ preparation', '  prepare.read = preparation.read', '  prepare.parse ~ preparation.parse_all', 'send = send', '  send.read = -', '  - = send.write',
    ]);
  });

  it('tells a step that ran at another place', () => {
    expect(aligned(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'])).toEqual(['a = a', 'b = b', 'c = c', 'd ^ d']);
  });

  it('takes the latest attempt at each step', () => {
    const [pair] = alignSteps(recordedRun('a', ['x', { step_key: 'x', attempt: 2 }]).steps, recordedRun('b', ['x']).steps);
    expect([pair?.a?.attempt, pair?.b?.attempt]).toEqual([2, 1]);
  });

  it('keeps every step of both runs exactly once, and their order', () => {
    const pick = (count: number, factor: number): string[] => Array.from({ length: count }, (_, i) => `step ${(i * factor) % 97}`).filter((key, i, all) => all.indexOf(key) === i);
    const [a, b] = [pick(60, 7), pick(80, 11)];
    const lines = alignSteps(recordedRun('a', a).steps, recordedRun('b', b).steps);
    expect(lines.flatMap((line) => line.a?.step_key ?? [])).toEqual(a);
    expect(lines.flatMap((line) => line.b?.step_key ?? []).toSorted()).toEqual(b.toSorted());
    const unmoved = lines.filter((line) => line.b !== undefined && !line.isMoved).map((line) => line.b!.ordinal);
    expect(unmoved).toEqual(unmoved.toSorted((x, y) => x - y));
  });
});
