import type { LogLevel, RunStatus, StepStatus } from '../../protocol/vocabulary.ts';

/**
 * The signs the interface is drawn with. The Unicode set uses only signs on whose width terminals, tmux
 * and screen agree; the ASCII set needs nothing but ASCII.
 */
export interface Glyphs {
  readonly ascii: boolean;
  readonly status: Readonly<Record<RunStatus | StepStatus, string>>;
  readonly level: Readonly<Record<LogLevel, string>>;
  readonly breakpoint: string;
  readonly breakpointOff: string;
  readonly bookmark: string;
  /** Somebody has said something about it. */
  readonly comment: string;
  readonly cursor: string;
  readonly rule: string;
  readonly divider: string;
  readonly bar: string;
  readonly barHead: string;
  readonly barRest: string;
  /** Parts of a timeline: in a step, waiting for answers, what earlier runs took, held. Told apart by shape, not by colour. */
  readonly blocks: { readonly work: string; readonly waits: string; readonly ghost: string; readonly held: string };
  readonly folded: string;
  readonly unfolded: string;
  readonly more: string;
  readonly below: string;
  readonly dot: string;
  readonly arrow: string;
  readonly spinner: readonly string[];
}

export const unicodeGlyphs: Glyphs = {
  ascii: false,
  status: {
    pending: '·', held: '⏸', running: '▶', completed: '✔', failed: '✘', skipped: '○', reused: '◆', cancelled: '■', paused: '⏸', interrupted: '✘',
  },
  level: { debug: '·', info: ' ', warn: '▲', error: '✘', critical: '✘' },
  breakpoint: '●', breakpointOff: '○', bookmark: '★', comment: '"', cursor: '›', rule: '─', divider: '│',
  bar: '━', barHead: '━', barRest: '─', blocks: { work: '█', waits: '▒', ghost: '░', held: '·' }, folded: '▸', unfolded: '▾', more: '…', below: '▼', dot: '·', arrow: '→',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
};

export const asciiGlyphs: Glyphs = {
  ascii: true,
  status: {
    pending: '.', held: '=', running: '~', completed: '+', failed: 'x', skipped: 'o', reused: '*', cancelled: '#', paused: '=', interrupted: 'x',
  },
  level: { debug: '.', info: ' ', warn: '!', error: 'x', critical: 'X' },
  breakpoint: '@', breakpointOff: 'o', bookmark: '*', comment: '"', cursor: '>', rule: '-', divider: '|',
  bar: '=', barHead: '>', barRest: '-', blocks: { work: '#', waits: '~', ghost: '-', held: '.' }, folded: '+', unfolded: '-', more: '~', below: 'v', dot: '.', arrow: '->',
  spinner: ['|', '/', '-', '\\'],
};

/** Whether the environment's locale promises that Unicode is shown. */
export function speaksUnicode(environment: Readonly<Record<string, string | undefined>>): boolean {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'];
  // No locale at all is the usual state of containers and of SSH without SendEnv; their terminals speak UTF-8.
  return locale === undefined || /utf-?8/i.test(locale);
}
