import { describe, expect, it } from 'vitest';
import { at, openTerminal, runRow } from '../testing.tsx';

const run = (id: string, change: Parameters<typeof runRow>[0]) => runRow({ id, test_run_id: `019578a1-0000-7000-8000-00000000${id}`, status: 'completed', ...change });
const runs = [
  run('0001', { status: 'running', completed_steps: 3 }),
  run('0002', { total_duration_ms: 4_000, completed_at: at(4_000), completed_steps: 6 }),
  run('0003', { total_duration_ms: 8_000, completed_at: at(8_000), completed_steps: 6 }),
  run('0004', { pipeline_key: 'other', total_duration_ms: 20, completed_at: at(20), completed_steps: 6 }),
];

describe('the list of runs', () => {
  it('shows at a glance how far runs are and which took long, where there is room', () => {
    const terminal = openTerminal({ size: { columns: 130, rows: 24 } }, { type: 'listed', rows: { runs } });
    const bars = terminal.screen().split('\n').map((row) => /[━─]{5,10}(?= {2,})|━+(?= +\S+ (?:ago|now))/.exec(row)?.[0]).filter((one) => one !== undefined);
    expect(terminal.screen()).toContain('TIME');
    expect(bars).toContain('━━━━━─────');
    expect(bars).toContain('━━━━━');
    expect(bars.filter((one) => one === '━━━━━━━━━━')).toHaveLength(2);
    const narrow = openTerminal({}, { type: 'listed', rows: { runs } });
    expect(narrow.screen()).not.toContain('TIME');
  });
});
