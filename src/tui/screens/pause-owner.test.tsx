import { expect, it } from 'vitest';
import { at, heldRun, openTerminal, runId } from '../testing.tsx';

it('a pause is not steered by others while the terminal that holds it lives', () => {
  const terminal = openTerminal({}, ...heldRun());
  const lease = { test_run_id: runId, owner: 'eve', owner_name: 'eve@example.org', terminal: 'a', taken_at: at(0), expires_at: at(60_000_000) };
  terminal.send({ type: 'leased', runId, pause: { lease, us: { user: 'bob' } } });
  const before = terminal.effects.length;
  terminal.press('s');
  expect(terminal.screen()).toContain('eve@example.org holds this pause');
  expect(terminal.effects.slice(before).some((effect) => effect.type === 'command')).toBe(false);
  terminal.send({ type: 'leased', runId, pause: { lease, us: { user: 'eve' } } });
  terminal.press('s');
  expect(terminal.effects.at(-1)).toMatchObject({ type: 'command', verb: 'next' });
});
