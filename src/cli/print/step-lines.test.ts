import { expect, it } from 'vitest';
import { recordedRun } from '../../core/compare/testing.ts';
import { heldInside } from '../../core/performance/own-time.ts';
import { processIo } from '../io.ts';
import { stepLine } from './step-lines.ts';

it('a step is printed without the time that was held inside it', () => {
  const at = (ms: number) => new Date(Date.parse('2026-01-01T00:00:00.000Z') + ms).toISOString();
  const { steps } = recordedRun('a', [{ step_key: 'parts', duration_ms: 4_005 }, { step_key: 'parts.b', started_at: at(4_000), duration_ms: 2, held_ms: 4_000 }]);
  const io = processIo({ json: false, ascii: true });
  expect(steps.map((row) => stepLine(row, heldInside(steps), 5, io).trim().split(/\s+/).slice(-2).join(' '))).toEqual(['5 ms', '2 ms']);
});
