import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type EditorOutcome = { readonly text: string } | { readonly problem: string };

/** Lets a person edit text in `$VISUAL`, `$EDITOR` or `vi`. The terminal must have been handed over. */
export async function editInEditor(text: string, environment: Readonly<Record<string, string | undefined>>): Promise<EditorOutcome> {
  const editor = environment['VISUAL'] || environment['EDITOR'] || 'vi';
  // Inputs may be private: the directory is ours alone, and goes with what is in it.
  const directory = await mkdtemp(join(tmpdir(), 'stepscope-'));
  const path = join(directory, 'inputs.json');
  try {
    await writeFile(path, text, { mode: 0o600 });
    // `$EDITOR` may carry arguments, as in `code --wait`.
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit' });
    const status = await new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'no status'));
    });
    if (status === 127) return { problem: `There is no editor "${editor}". Set EDITOR to one that is installed.` };
    if (status !== 0) return { problem: `${editor} ended with ${status}; the text is as it was.` };
    return { text: await readFile(path, 'utf8') };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
