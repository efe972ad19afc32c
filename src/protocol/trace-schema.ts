import { z } from 'zod';
import { JsonObject } from './json.ts';
import { TRACE_VERSION, TraceEnd, TraceHeader, traceTables } from './trace.ts';

/** JSON Schema of one line of a trace, made of the schemas that read it. */
export function traceLineSchema(): object {
  const rows = Object.entries(traceTables).map(([table, row]) => z.looseObject({ table: z.literal(table), row }).meta({ title: `A row of ${table}` }));
  const newer = z
    .looseObject({ table: z.string(), row: JsonObject })
    .refine(({ table }) => !Object.hasOwn(traceTables, table))
    .meta({ title: 'A row of a table that a newer program has', not: { properties: { table: { enum: Object.keys(traceTables) } } } });
  const line = z.union([TraceHeader.meta({ title: 'The first line' }), ...rows, newer, TraceEnd.meta({ title: 'The last line' })]);
  const { $schema, ...schema } = z.toJSONSchema(line, { io: 'input', unrepresentable: 'any' });
  return {
    $schema,
    $id: `https://stepscope.invalid/trace/${TRACE_VERSION}`,
    title: `A line of a stepscope trace, version ${TRACE_VERSION}`,
    ...schema,
  };
}
