import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openScreen } from '../terminal-screen.ts';
import type { TerminalScreen } from '../terminal-screen.ts';
import type { TerminalContext } from './check.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The two sizes that are demanded of: what a terminal has by default, and a large one. */
export const sizes = { small: { columns: 80, rows: 24 }, large: { columns: 200, rows: 60 } } as const;

export function sizeText({ columns, rows }: Size): string {
  return `${columns}×${rows}`;
}

interface Opening {
  readonly size: Size;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly onChunk?: ((chunk: string) => void) | undefined;
  readonly cwd?: string | undefined;
}

/** The program in a pseudo-terminal, until the check ends. */
export function openProgram(context: TerminalContext, { args, ...opening }: Opening): TerminalScreen {
  return openCommand(context, { ...opening, args: [process.execPath, context.program, ...args] });
}

/** Another program, for comparison: its name and arguments. */
export function openCommand(
  { env, onEnd }: TerminalContext,
  { size, args: [command = '', ...args], env: own, onChunk, cwd }: Opening,
): TerminalScreen {
  const screen = openScreen({ command, args, ...size, env: own ?? env, onChunk, cwd });
  onEnd(() => screen.kill('SIGKILL'));
  return screen;
}

/** A screen that lies in a tmux of its own. */
export interface TmuxScreen {
  readonly screen: TerminalScreen;
  /** Bytes that the program has written to tmux. What tmux makes of them is what the screen receives. */
  readonly received: () => number;
}

/** The program inside of tmux as people have it, without a status line, which is not ours. */
export function openInTmux(context: TerminalContext, { size, args, env }: Opening): TmuxScreen {
  const name = `stepscope-${process.pid}-${size.columns}`;
  const file = join(context.home, `${name}.received`);
  const inside = [process.execPath, context.program, ...args].map((word) => `'${word}'`).join(' ');
  // tmux runs the pipe once the pane exists; a moment's sleep lets no byte of the program escape it.
  const words = [
    '-L',
    name,
    '-f',
    '/dev/null',
    'new-session',
    `sleep 0.3; exec ${inside}`,
    ';',
    'set',
    '-g',
    'status',
    'off',
    ';',
    'pipe-pane',
    `cat >'${file}'`,
  ];
  const screen = openCommand(context, { size, args: ['tmux', ...words], env });
  context.onEnd(() => void spawnSync('tmux', ['-L', name, 'kill-server']));
  return { screen, received: () => statSync(file, { throwIfNoEntry: false })?.size ?? 0 };
}

/** Is a program of this name there? */
export function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}
