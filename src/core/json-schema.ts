import { z } from 'zod';
import type { Json, JsonObject } from '../protocol/json.ts';

/** What is wrong with a value, and where: `width`, `images[0].url`; an empty path is the value itself. */
export interface SchemaProblem {
  readonly path: string;
  readonly reason: string;
}

/**
 * What does not fit a JSON Schema (draft 2020-12 or 7), as a person would say it. Empty when all fits.
 *
 * A schema that cannot be understood is one problem of its own: nothing is taken as fitting unchecked.
 */
export function checkSchema(value: Json, schema: JsonObject): readonly SchemaProblem[] {
  let type: z.ZodType;
  try {
    type = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (cause) {
    return [{ path: '', reason: `its JSON Schema cannot be used: ${cause instanceof Error ? cause.message : String(cause)}` }];
  }
  const result = type.safeParse(value);
  return result.success ? [] : result.error.issues.flatMap(problemsOf);
}

/** The value with the defaults of its schema put in where it has nothing. Undefined when it does not fit. */
export function withDefaults(value: JsonObject, schema: JsonObject): JsonObject {
  const properties = schema['properties'];
  if (properties === null || typeof properties !== 'object' || Array.isArray(properties)) return value;
  const filled: Record<string, Json> = { ...value };
  for (const [key, property] of Object.entries(properties as JsonObject)) {
    if (Object.hasOwn(filled, key) || property === null || typeof property !== 'object' || Array.isArray(property)) continue;
    const preset = (property as JsonObject)['default'];
    if (preset !== undefined) filled[key] = preset;
  }
  return filled;
}

/** `width: must be at least 64; prompt: is missing`. */
export function describeProblems(problems: readonly SchemaProblem[]): string {
  return problems.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`)).join('; ');
}

function problemsOf(issue: z.core.$ZodIssue): readonly SchemaProblem[] {
  const path = formatPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: formatPath([...issue.path, key]), reason: 'is not known' }));
  }
  return [{ path, reason: reasonOf(issue) }];
}

function reasonOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.message.endsWith('received undefined')) return 'is missing';
      return `must be ${article(issue.expected === 'int' ? 'whole number' : issue.expected)}`;
    case 'too_small':
      if (issue.origin === 'string')
        return Number(issue.minimum) === 1 ? 'must not be empty' : `must have at least ${issue.minimum} characters`;
      if (issue.origin === 'array') return `must have at least ${issue.minimum} items`;
      return issue.inclusive === false ? `must be more than ${issue.minimum}` : `must be at least ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      if (issue.origin === 'array') return `must have at most ${issue.maximum} items`;
      return issue.inclusive === false ? `must be less than ${issue.maximum}` : `must be at most ${issue.maximum}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    default:
      return issue.message;
  }
}

function article(noun: string): string {
  return `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`),
    '',
  );
}
