import type { Step } from './pipeline.ts';

/** A step's code as its author wrote it. */
export interface StepSource {
  readonly code: string;
  /** Line of the file at which `code` begins, from 1. */
  readonly firstLine: number;
  readonly lastLine: number;
  readonly filePath: string;
  readonly functionName: string;
}

/** The text of a loaded module: as written, and as it runs. Both have the same length and lines. */
export interface ModuleText {
  readonly path: string;
  readonly written: string;
  readonly running: string;
}

/**
 * Finds what a person wrote for the function of a step.
 *
 * A function knows its own text but not its place. Types are blanked out, not removed, before a module runs,
 * so the text is looked for in what runs and cut out of what was written. Among equal functions the one
 * nearest below the step's declaration is meant. Undefined for a function that is in none of the modules.
 */
export function findStepSource(step: Step, modules: readonly ModuleText[]): StepSource | undefined {
  const text = step.run?.toString();
  if (text === undefined) return undefined;
  const declared = declaration(step, modules);
  const candidates = modules.flatMap((module) => occurrences(module.running, text).map((offset) => ({ module, offset, line: lineAt(module.running, offset) })));
  const best = candidates.toSorted((a, b) => distance(a, declared) - distance(b, declared))[0];
  if (best === undefined) return undefined;
  const { module, offset, line } = best;
  const lineStart = module.written.lastIndexOf('\n', offset) + 1;
  const indent = /^\s*/.exec(module.written.slice(lineStart))![0];
  const code = unindent(module.written.slice(offset, offset + text.length), indent);
  return { code, firstLine: line, lastLine: line + code.split('\n').length - 1, filePath: module.path, functionName: nameOf(step) };
}

interface Place {
  readonly module: ModuleText;
  readonly line: number;
}

/** Where `step({…})` was called: the first frame of its stack that lies in one of the modules. */
function declaration(step: Step, modules: readonly ModuleText[]): Place | undefined {
  for (const frame of step.declaredAt.split('\n').slice(1)) {
    const module = modules.find(({ path }) => frame.includes(`${path}:`));
    const line = module && /:(\d+):\d+\)?$/.exec(frame)?.[1];
    if (module && line !== undefined) return { module, line: Number(line) };
  }
  return undefined;
}

function distance(candidate: Place, declared: Place | undefined): number {
  if (declared === undefined) return candidate.line;
  if (candidate.module !== declared.module) return 1_000_000 + candidate.line;
  return candidate.line >= declared.line ? candidate.line - declared.line : 500_000 + declared.line - candidate.line;
}

function occurrences(text: string, part: string): readonly number[] {
  const found: number[] = [];
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) found.push(at);
  return found;
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Takes the indent of the first line off the others, which stand below it in the file. */
function unindent(code: string, indent: string): string {
  return code
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n');
}

/** `createPrediction`; for the method of a step's own declaration `loadModel.run`. */
function nameOf({ key, run }: Step): string {
  if (run && run.name !== '' && run.name !== 'run') return run.name;
  return `${key.replaceAll(/[_-]+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())}.run`;
}
