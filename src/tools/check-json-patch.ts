import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { diffStructure } from '../core/compare/diff-structure.ts';
import { applyPatch } from '../core/json-diff.ts';
import { UserError } from '../protocol/error.ts';
import { PatchOperation } from '../protocol/json.ts';
import type { Json } from '../protocol/json.ts';
import { report } from './check-report.ts';

/*
 * `npm run check:json-patch -- DIRECTORY`: the suites of github.com/json-patch/json-patch-tests, `tests.json` and
 * `spec_tests.json` in that directory, against our `applyPatch`; and for each that has a result, whether our own
 * diff finds a patch to it.
 */

const Case = z.looseObject({
  comment: z.string().optional(),
  doc: z.unknown().optional(),
  patch: z.array(z.unknown()).optional(),
  expected: z.unknown().optional(),
  error: z.string().optional(),
  disabled: z.boolean().optional(),
});
type Case = z.infer<typeof Case>;

const directory = process.argv[2];
if (directory === undefined) {
  console.error('usage: npm run check:json-patch -- DIRECTORY');
  process.exit(2);
}

const figures = ['tests.json', 'spec_tests.json'].map((name) => {
  const cases = z.array(Case).parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
  const counted = cases.filter((one) => one.patch !== undefined && one.disabled !== true);
  const failures = counted.flatMap((one) => problemWith(one) ?? []);
  for (const failure of failures) console.log(`  ${name}: ${failure}`);
  return { name, measured: `${counted.length - failures.length} of ${counted.length}`, demanded: 'all', isMet: failures.length === 0 && counted.length > 0 };
});
report('JSON Patch', figures);

function problemWith(one: Case): string | undefined {
  const name = one.comment ?? JSON.stringify(one.patch);
  const before = one.doc as Json;
  const untouched = JSON.stringify(before);
  let result: Json | undefined;
  let refusal: unknown;
  try {
    // As at every door: what does not parse as a patch is not applied.
    const patch = z.array(PatchOperation).safeParse(one.patch);
    if (!patch.success) throw new UserError('usage', 'not a JSON Patch');
    result = applyPatch(before, patch.data);
  } catch (error) {
    refusal = error;
  }
  if (JSON.stringify(before) !== untouched) return `${name}: the value itself was changed`;
  if (refusal !== undefined && !(refusal instanceof UserError)) return `${name}: fails with ${refusal instanceof Error ? refusal.stack : typeof refusal}`;
  if (one.error !== undefined) return refusal === undefined ? `${name}: applied, and should be refused (${one.error})` : undefined;
  if (refusal instanceof UserError) return `${name}: refused: ${refusal.message}`;
  const expected = 'expected' in one ? (one.expected as Json) : before;
  if (diffStructure(result!, expected).differences.length > 0) return `${name}: gives ${JSON.stringify(result)}`;
  const again = applyPatch(before, diffStructure(before, expected).patch());
  return diffStructure(again, expected).differences.length > 0 ? `${name}: our own patch gives ${JSON.stringify(again)}` : undefined;
}
