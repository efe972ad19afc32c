import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UserError } from '../protocol/error.ts';
import { isPipeline } from './define-pipeline.ts';
import { placeSteps } from './describe-pipeline.ts';
import { IMPORTED_AT, isUsers, syntaxErrorLine } from './module-hooks.ts';
import type { Pipeline } from './pipeline.ts';
import type { ModuleText } from './step-source.ts';

export interface LoadedPipeline {
  readonly pipeline: Pipeline;
  readonly filePath: string;
}

/**
 * Imports files and gives the pipelines they export, under whatever names.
 *
 * Runs their code, so it belongs in a thread that may be lost, with the hooks of `module-hooks.ts`, whose
 * `modules` it searches for what does not parse. Throws
 * `UserError` naming the file, and the line where there is one: for a file that is not there, does not
 * parse, throws, or exports no pipeline.
 */
export async function loadPipelines(files: readonly string[], modules: readonly ModuleText[]): Promise<readonly LoadedPipeline[]> {
  const loaded: LoadedPipeline[] = [];
  for (const file of files) loaded.push(...(await loadFile(resolve(file), modules)));
  return loaded;
}

async function loadFile(path: string, modules: readonly ModuleText[]): Promise<readonly LoadedPipeline[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) {
    throw new UserError('not-found', `there is no pipeline file ${path}`, {
      hint: found ? 'It is a directory: name the .ts or .js file in it' : 'Give the path of a .ts or .js file that exports a pipeline',
    });
  }
  if (!/\.(?:[cm]?[jt]s|[jt]sx)$/.test(path)) {
    throw new UserError('usage', `${path} is neither a .ts nor a .js file`, { hint: 'A pipeline is a module that exports what definePipeline() returns' });
  }
  const pipelines = await namingFile(path, async () => {
    const found = [...new Set(Object.values(await importFile(path, modules)).filter(isPipeline))];
    for (const pipeline of found) placeSteps(pipeline, () => undefined);
    return found;
  });
  if (pipelines.length === 0) {
    throw new UserError('usage', `${path} exports no pipeline`, { hint: 'Write `export const pipeline = definePipeline({ … })`' });
  }
  return pipelines.map((pipeline) => ({ pipeline, filePath: path }));
}

/** What is wrong with a pipeline is wrong in its file. */
async function namingFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError) || error.message.includes(path)) throw error;
    throw new UserError(error.code, `${placeIn(error) ?? path}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

async function importFile(path: string, modules: readonly ModuleText[]): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { name, message } = error instanceof Error ? error : { name: 'it threw', message: String(error) };
    const doesNotParse = name === 'SyntaxError' && !message.startsWith('The requested module');
    const what = doesNotParse ? `it does not parse: ${message}` : name === 'Error' || name === 'SyntaxError' ? message : `${name}: ${message}`;
    const place = (doesNotParse ? brokenIn(modules) : undefined) ?? placeIn(error) ?? path;
    throw new UserError('usage', `${place}: ${what}`, { cause: error, hint: 'It is run once when it is loaded' });
  }
}

/** The module that does not parse, and its line: V8 tells neither. */
function brokenIn(modules: readonly ModuleText[]): string | undefined {
  for (const { path, running } of modules.toReversed()) {
    const line = syntaxErrorLine(running);
    if (line !== undefined) return `${path}:${line}`;
  }
  return undefined;
}

/** The line of the pipeline's own files at which an error arose, as `file:line`. */
function placeIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (IMPORTED_AT in error) return String(error[IMPORTED_AT]);
  const [frame] = [...(error.stack ?? '').matchAll(/(file:\/\/[^\s)]+?):(\d+)(?::\d+)?(?=[)\n]|$)/gm)].filter(([, url]) => isUsers(url!));
  return frame && `${fileURLToPath(frame[1]!)}:${frame[2]}`;
}
