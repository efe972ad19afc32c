import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProgram, program } from './testing.ts';

const exec = promisify(execFile);

/** Runs the program under a Node that says it is another version. */
async function withNode(version: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const pretend = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`;
  try {
    const { stdout, stderr } = await exec(process.execPath, ['--import', pretend, program, ...args]);
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

describe('bin/stepscope.js', () => {
  beforeAll(buildProgram, 120_000);

  it.each(['12.22.0', '20.20.2', '22.17.9'])('says in one line what it needs on Node %s', async (version) => {
    const { code, said } = await withNode(version, 'status');
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`^stepscope needs Node 22\\.18 or newer; this is ${version.replaceAll('.', '\\.')}\\..*\n$`));
  });

  it('tells its version', async () => {
    expect(await withNode('22.18.0', '--version')).toEqual({ code: 0, said: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
