import { describe, expect, it } from 'vitest';
import { openTerminal, opened, runRow, stepRow } from '../testing.tsx';

describe('the steps on forty columns', () => {
  it('keep durations of steps with their unit, and shorten names', () => {
    const tree = runRow().step_tree!.map((step, index) => (index === 0 ? { ...step, name: 'A Name As Long As They Come' } : step));
    const terminal = openTerminal({ size: { columns: 40, rows: 20 } }, ...opened(runRow({ step_tree: tree }), stepRow('load_model', { step_name: 'A Name As Long As They Come', duration_ms: 204 })));
    terminal.press('1');
    expect(terminal.screen()).toMatch(/1 +A Name As Long As.*… +204 ms/);
  });
});
