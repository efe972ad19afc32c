import { describe, expect, it } from 'vitest';
import { z as zod } from 'zod';
import { lazyExport, lazySchemas } from './lazy.ts';

/** `z` as the bundle has it, and how often zod was asked for. */
function lazyZod() {
  let loads = 0;
  return { z: lazySchemas(() => (loads++, zod)), loads: () => loads };
}

describe('schemas that are made at their first use', () => {
  it('load nothing for saying what they are', () => {
    const { z, loads } = lazyZod();
    const Colour = z.enum(['red', 'blue']);
    z.strictObject({ colour: Colour.optional(), sizes: z.array(z.int().min(1)).max(3).default([]) }).extend({ tags: z.record(z.string(), z.unknown()) });
    expect(Colour.options).toEqual(['red', 'blue']);
    expect(loads()).toBe(0);
  });

  it('answer as zod does, whatever they were made of', () => {
    const schemaBy = (z: typeof zod) => {
      const Colour = z.enum(['red', 'blue']);
      const Base = z.strictObject({ colour: Colour.default('red'), width: z.number().positive().nullable() });
      return z.discriminatedUnion('kind', [
        Base.extend({ kind: z.literal('one'), note: z.string().trim().min(2).meta({ about: 'a note' }).optional() }),
        z.object({ kind: z.literal('two'), all: z.array(Base.partial()), any: z.union([z.tuple([z.string(), Colour]), z.null()]) }),
      ]);
    };
    const lazy = schemaBy(lazyZod().z);
    const real = schemaBy(zod);
    const values: readonly unknown[] = [
      { kind: 'one', width: 3, note: ' ab ' }, { kind: 'one', width: -3 }, { kind: 'one', width: 1, colour: 'green', more: 1 },
      { kind: 'two', all: [{}, { width: null }], any: ['x', 'blue'] }, { kind: 'two', all: [{ width: 'x' }], any: null }, { kind: 'three' }, null,
    ];
    for (const value of values) {
      const [found, wanted] = [lazy.safeParse(value), real.safeParse(value)];
      expect({ data: found.data, issues: found.error?.issues }).toEqual({ data: wanted.data, issues: wanted.error?.issues });
    }
    expect(() => lazy.parse({ kind: 'three' })).toThrow(zod.ZodError);
  });

  it('may name themselves', () => {
    const { z } = lazyZod();
    const Tree = z.object({ name: z.string(), get parts() { return z.array(Tree); } });
    expect(Tree.parse({ name: 'a', parts: [{ name: 'b', parts: [] }] })).toEqual({ name: 'a', parts: [{ name: 'b', parts: [] }] });
    expect(Tree.safeParse({ name: 'a', parts: [{ name: 'b' }] }).error?.issues[0]?.path).toEqual(['parts', 0, 'parts']);
  });

  it('are zod’s own for whatever is done with them later', () => {
    const { z } = lazyZod();
    const Row = z.object({ id: z.uuid(), width: z.int().optional() });
    expect(Row).toBeInstanceOf(zod.ZodObject);
    expect(Object.keys(Row.shape)).toEqual(['id', 'width']);
    expect(z.toJSONSchema(Row)).toEqual(zod.toJSONSchema(zod.object({ id: zod.uuid(), width: zod.int().optional() })));
    expect(Row.shape.width.unwrap()).toBeInstanceOf(zod.ZodNumber);
    expect(z.string().meta({ about: 'a name' }).meta()).toEqual({ about: 'a name' });
    expect(zod.array(Row).safeParse([{ id: 1 }]).error?.issues[0]?.path).toEqual([0, 'id']);
  });
});

describe('an export that is loaded at its first use', () => {
  class Pattern {
    static readonly anyCase = 2;
    readonly source: string;
    constructor(source: string) {
      this.source = source;
    }
    static compile(source: string): Pattern {
      return new this(source);
    }
  }

  it('is made, called, asked and compared with as the class itself', () => {
    let loads = 0;
    const Later = lazyExport(() => (loads++, Pattern)) as typeof Pattern;
    expect(loads).toBe(0);
    expect(new Later('a')).toBeInstanceOf(Pattern);
    expect(Later.compile('b').source).toBe('b');
    expect(Later.anyCase).toBe(2);
    expect(new Pattern('c') instanceof Later).toBe(true);
    expect({} instanceof Later).toBe(false);
  });
});
