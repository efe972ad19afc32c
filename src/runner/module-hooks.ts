import { existsSync, readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { UserError } from '../protocol/error.ts';
import { bundledPipelines } from './bundled-pipelines.ts';
import type { ModuleText } from './step-source.ts';

const isSource = import.meta.url.endsWith('.ts');
/** What `stepscope` means to a pipeline: this very program, whatever is installed beside the pipeline. */
const ourselves = new URL(isSource ? '../index.ts' : './index.js', import.meta.url).href;
const ownCode = new URL(isSource ? '../' : './', import.meta.url).href;

/**
 * Makes this thread able to load pipelines: `.ts` files run with their types blanked out and as modules,
 * whatever the package around them says; `stepscope` is ourselves, and `zod` ours where there is no other.
 *
 * Returns the texts of the modules loaded, as they come. For a thread that runs pipelines and nothing else.
 */
export function installModuleHooks(): readonly ModuleText[] {
  const modules: ModuleText[] = [];
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'stepscope') return { url: ourselves, shortCircuit: true };
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (specifier === 'zod') return nextResolve(specifier, { ...context, parentURL: import.meta.url });
        const typescript = context.parentURL === undefined ? undefined : typescriptTwin(specifier, context.parentURL);
        if (typescript !== undefined) return { url: typescript, shortCircuit: true };
        throw withImporter(error, specifier, context.parentURL);
      }
    },
    load(url, context, nextLoad) {
      if (!isUsers(url)) return nextLoad(url, context);
      const path = fileURLToPath(url);
      if (/\.[jt]sx$/.test(path)) throw new UserError('usage', `${path} holds JSX, which pipelines cannot`, { hint: 'Rename it to .ts or .js and take the elements out' });
      if (!/\.[cm]?[jt]s$/.test(path)) return nextLoad(url, context);
      const written = readFileSync(path, 'utf8');
      const running = /\.[cm]?ts$/.test(path) ? stripTypes(written, path) : written;
      modules.push({ path, written, running });
      // Our own reading, not Node's: Node strips no types below node_modules, where an installed stepscope lies.
      return /\.[cm]?ts$/.test(path) ? { format: 'module', source: running, shortCircuit: true } : nextLoad(url, context);
    },
  });
  return modules;
}

/** By this a failed import tells where it stands: `file:line`. */
export const IMPORTED_AT = Symbol('stepscope.imported at');

function withImporter(error: unknown, specifier: string, parentUrl: string | undefined): unknown {
  if (!(error instanceof Error) || parentUrl === undefined || !isUsers(parentUrl)) return error;
  const path = fileURLToPath(parentUrl);
  const line = readFileSync(path, 'utf8').split('\n').findIndex((text) => text.includes(`'${specifier}'`) || text.includes(`"${specifier}"`));
  return Object.assign(error, { [IMPORTED_AT]: line === -1 ? path : `${path}:${line + 1}` });
}

/** `./x.js` in TypeScript usually means the file `./x.ts`. */
function typescriptTwin(specifier: string, parentUrl: string): string | undefined {
  if (!/^\.{0,2}\/.*\.js$/.test(specifier)) return undefined;
  const url = new URL(specifier.replace(/js$/, 'ts'), parentUrl);
  return existsSync(url) ? url.href : undefined;
}

/** Is this the address of a file of stepscope itself, pipelines that come with it aside? */
export function isOurs(url: string): boolean {
  return url.startsWith(ownCode) && !url.startsWith(bundledPipelines.href);
}

/** Does this address belong to a pipeline, not to us or to a package? */
export function isUsers(url: string): boolean {
  if (!url.startsWith('file:')) return false;
  if (url.startsWith(bundledPipelines.href)) return true;
  return !url.startsWith(ownCode) && !url.includes('/node_modules/');
}

function stripTypes(written: string, path: string): string {
  try {
    return stripTypeScriptTypes(written);
  } catch (error) {
    const { message } = error as Error;
    const line = lineOf(error);
    const where = line === undefined ? path : `${path}:${line}`;
    const unsupported = (error as { code?: string }).code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
    throw new UserError('usage', `${where}: ${message}`, {
      cause: error,
      hint: unsupported ? 'Only types can be left out; write the rest as JavaScript: a union or `const X = {…} as const` for an enum' : undefined,
    });
  }
}

/** The line at which Node's parser gave up: it stands before the message in the stack. */
function lineOf(error: unknown): number | undefined {
  const line = /^[^\n]*?:(\d+)\n/.exec((error as Error).stack ?? '')?.[1];
  return line === undefined ? undefined : Number(line);
}

/** The line of a text, JavaScript or TypeScript, that does not parse; V8 does not tell it of a module. Undefined when all does. */
export function syntaxErrorLine(text: string): number | undefined {
  try {
    stripTypeScriptTypes(text);
    return undefined;
  } catch (error) {
    return lineOf(error);
  }
}
