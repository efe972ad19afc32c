import { describe, expect, it } from 'vitest';
import { LogLevel, RunStatus, StepStatus } from '../protocol/vocabulary.ts';
import { situations } from './testing/situations.ts';
import { keys, listed, logRow, openTerminal, opened, runRow, stepRow } from './testing.tsx';

describe('without Unicode', () => {
  it.each(Object.entries(situations))('%s is drawn in ASCII alone, and no sign of ours is lost', (_name, situation) => {
    const screen = situation({ ascii: true }).screen();
    expect(screen.split('\n').filter((row) => !/^[\x20-\x7e]*$/.test(row))).toEqual([]);
    // What has no likeness in ASCII shows as a question mark.
    const marks = (text: string) => text.split('?').length;
    if (marks(screen) > 1) expect(marks(screen)).toBe(marks(situation({}).screen()));
  });
});

describe.each([['Unicode', false], ['ASCII', true]])('without colours, in %s', (_name, ascii) => {
  const different = (texts: readonly string[]) => expect(new Set(texts).size, texts.join('\n')).toBe(texts.length);
  const rowWith = (screen: string, word: string) => screen.split('\n').find((row) => row.includes(word))?.replaceAll(/\s+/g, ' ') ?? '';

  it('runs in different states differ as text', () => {
    different(RunStatus.options.map((status) => rowWith(openTerminal({ ascii, depth: 0 }, listed, { type: 'listed', rows: { runs: [runRow({ status })] } }).screen(), 'generate-content')));
  });

  it('steps in different states differ as text', () => {
    different(StepStatus.options.map((status) => {
      const terminal = openTerminal({ ascii, depth: 0 }, ...opened(runRow(), stepRow('load_model', { status, started_at: null, completed_at: null, duration_ms: null })));
      terminal.press('1');
      return rowWith(terminal.screen(), 'Load Model');
    }));
  });

  it('lines of different levels differ as text', () => {
    different(LogLevel.options.map((log_level) => {
      const terminal = openTerminal({ ascii, depth: 0 }, ...opened(runRow(), logRow(20, 'what happened', { log_level })));
      terminal.press('2');
      return rowWith(terminal.screen(), 'what happened');
    }));
  });

  it('the chosen entry of a choice is marked', () => {
    const terminal = openTerminal({ ascii, depth: 0 }, listed);
    terminal.press(':', 'settings\r', '\r', keys.down);
    expect(terminal.screen()).toMatch(ascii ? /^ > /m : /^ › /m);
  });
});
