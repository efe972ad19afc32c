import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePipelines } from './pipeline-thread.ts';
import { fixture } from './testing.ts';

/** Outside every package: nothing around the files says what they are. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stepscope-pipelines-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const pipeline = (more = ''): string => `
import { definePipeline, step, z } from 'stepscope';
export const some = definePipeline({ key: 'some', version: '2', title: 'Some', inputs: z.object({ n: z.number() }), example: { n: 1 }, steps: [
  step({ key: 'one', name: 'One', run: () => ({ one: 1 }) })${more}
] });
`;
const write = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe.concurrent('loading a pipeline', { timeout: 60_000 }, () => {
  it('takes .ts and .js from anywhere, whatever the package around them says', async () => {
    await write('package.json', '{"type":"commonjs"}');
    for (const name of ['some.ts', 'some.js', 'some.mjs']) {
      const path = await write(name, name === 'some.js' ? 'module.exports = {};' : pipeline());
      if (name === 'some.js') {
        await expect(describePipelines([path]), name).rejects.toMatchObject({ code: 'usage', message: `${path} exports no pipeline` });
      } else {
        const [described] = await describePipelines([path]);
        expect(described, name).toMatchObject({ pipeline_key: 'some', version: '2', file_path: path, example_inputs: { n: 1 } });
      }
    }
  });

  it('follows imports between TypeScript files, by .ts and by .js', async () => {
    await write('helper.ts', 'export const named: string = "named by a helper";');
    const path = await write('importing.ts', `import { named } from './helper.js';\nimport type {} from './helper.ts';\n${pipeline().replace("'One'", 'named')}`);
    const [described] = await describePipelines([path]);
    expect(described!.step_tree[0]!.name).toBe('named by a helper');
  });

  it('tells the line of each step in its file', async () => {
    const [described] = await describePipelines([fixture('nested.ts')]);
    expect(described!.step_tree[0]).toMatchObject({ functionName: 'check.run', filePath: fixture('nested.ts') });
  });

  const refusals: readonly (readonly [what: string, file: string, text: string | undefined, message: string, hint: string])[] = [
    ['a file that is not there', 'missing.ts', undefined, 'there is no pipeline file', 'Give the path'],
    ['a file of another kind', 'notes.txt', 'x', 'is neither a .ts nor a .js file', 'A pipeline is a module'],
    ['a file without a pipeline', 'empty.ts', 'export const x = 1;', 'exports no pipeline', 'definePipeline'],
    ['a file that does not parse', 'broken.mjs', 'export const a = 1;\nexport const = 2;\n', 'broken.mjs:2: it does not parse', ''],
    ['TypeScript that does not parse', 'broken.ts', 'export const a: number = 1;\nexport const = 2;\n', 'broken.ts:2', ''],
    ['an enum', 'enum.ts', 'export const a = 1;\nenum Colour { red }\n', 'enum.ts:2', 'as const'],
    ['JSX', 'screen.tsx', 'export const a = <b/>;', 'holds JSX', 'Rename it'],
    ['a file that throws', 'throwing.ts', 'const a: number = 1;\n\nthrow new Error(`no ${a}`);', 'throwing.ts:3: no 1', 'run once when it is loaded'],
    ['a file that exits', 'exiting.ts', 'process.exit(4);', 'calls process.exit(4)', 'exiting.ts:1'],
    ['an import that is not there', 'lonely.ts', "export const a = 1;\nimport './nothing.ts';", 'lonely.ts:2: Cannot find module', ''],
    ['a package that is not there', 'packageless.ts', "\n\nimport x from 'no-such-package-here';", 'packageless.ts:3: Cannot find package', ''],
    ['an import of what is not exported', 'nameless.ts', "import { definePipelin } from 'stepscope';", "nameless.ts:1: The requested module 'stepscope' does not provide", ''],
    ['what it imports and does not parse', 'above.ts', "import './broken.mjs';", 'broken.mjs:2: it does not parse', ''],
    ['a pipeline without an example', 'exampleless.mjs', pipeline().replace('example: { n: 1 }, ', ''), 'exampleless.mjs:3: pipeline some: its example is missing', ''],
    ['a pipeline without steps', 'stepless.mjs', "import { definePipeline, z } from 'stepscope';\ndefinePipeline({ key: 'a', version: '1', title: 'A', inputs: z.object({}), example: {} });", 'stepless.mjs:2: pipeline a: it has no steps', ''],
    ['two steps of one key', 'double.ts', pipeline(", step({ key: 'one', name: 'Again', run: () => 1 })"), 'two steps have the key one', ''],
    ['two steps of one number', 'same.ts', pipeline(", step({ key: 'two', name: 'Two', display: '1', run: () => 1 })"), 'one and two are both shown as 1', 'another `display`'],
    ['a step key that cannot be typed', 'odd.ts', pipeline(", step({ key: 'a b', name: 'Odd', run: () => 1 })"), 'step key "a b"', 'Choose a key such as'],
    ['an example that does not fit', 'example.ts', pipeline().replace('n: 1', "n: 'x'"), 'its example does not fit its inputs: n: must be a number', ''],
  ];
  for (const [what, file, text, message, hint] of refusals) {
    it(`refuses ${what} with what to do`, async () => {
      const path = text === undefined ? join(folder, file) : await write(file, text);
      const error = await describePipelines([path]).then(
        () => undefined,
        (thrown: unknown) => thrown as { name: string; message: string; hint?: string },
      );
      expect(error).toMatchObject({ name: 'UserError', code: expect.stringMatching(/^(usage|not-found)$/), message: expect.stringContaining(message) });
      expect(error!.message).toContain(file);
      expect(error!.hint ?? '').toContain(hint);
    });
  }
});
