import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '../protocol/json.ts';
import { refuseUnknownNames } from './unknown-names.ts';

/** As pipelines register them. */
const registered = (schema: z.ZodType): JsonObject => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonObject;
const size = z.object({ width: z.int().optional(), height: z.int().optional() });

describe('names that a schema does not know', () => {
  it('are refused with the closest that it knows', () => {
    expect(() => refuseUnknownNames({ widht: 512 }, registered(size))).toThrow(
      expect.objectContaining({ code: 'usage', message: 'no input "widht"', hint: 'Did you mean `width`?' }),
    );
    expect(() => refuseUnknownNames({ colour: 1, b: 2 }, registered(size), { of: 'step 7' })).toThrow(
      expect.objectContaining({ message: 'step 7 has no input "colour", nor "b"', hint: 'It takes width, height' }),
    );
  });

  it('are found in what lies within', () => {
    const nested = registered(z.object({ sizes: z.array(z.object({ size })) }));
    expect(() => refuseUnknownNames({ sizes: [{ size: { width: 1 } }, { size: { heigth: 1 } }] }, nested)).toThrow('no input "sizes[1].size.heigth"');
  });

  it('pass where a schema is open', () => {
    const open = { anything: 1 };
    for (const schema of [z.looseObject({ a: z.int().optional() }), z.record(z.string(), z.int()), z.object({}).catchall(z.int()), z.any(), z.json()]) {
      expect(() => refuseUnknownNames(open, registered(schema))).not.toThrow();
    }
  });

  it('pass when an edit has found them there', () => {
    expect(() => refuseUnknownNames({ old: 1, width: 2 }, registered(size), { before: { old: 1 } })).not.toThrow();
    expect(() => refuseUnknownNames({ old: 1, nwe: 2 }, registered(size), { before: { old: 1 } })).toThrow('no input "nwe"');
  });
});
