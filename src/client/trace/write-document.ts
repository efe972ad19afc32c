import { TRACE_DOCUMENT_VERSION, documentLists } from '../../protocol/trace.ts';
import type { Trace, TraceRow } from '../../protocol/trace.ts';

/** A run as one JSON document in memory. */
export async function documentOf(rows: AsyncIterable<readonly TraceRow[]>, exportedAt = new Date().toISOString()): Promise<Trace> {
  const document: Record<string, unknown> = { stepscope: 'trace', version: TRACE_DOCUMENT_VERSION, exportedAt };
  const lists = Object.fromEntries(Object.values(documentLists).map((name) => [name, [] as unknown[]]));
  for await (const some of rows) {
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') document['run'] = row;
      else if (isListed(table)) lists[documentLists[table]]!.push(row);
    }
  }
  // Of rows that came from the database, and were parsed there.
  return { ...document, ...lists } as unknown as Trace;
}

/** The same as text, a piece at a time. Rows of tables that a document has no list for are left out. */
export async function* documentText(rows: AsyncIterable<readonly TraceRow[]>, exportedAt: string): AsyncGenerator<string> {
  yield `{"stepscope":"trace","version":${TRACE_DOCUMENT_VERSION},"exportedAt":${JSON.stringify(exportedAt)}`;
  const names = Object.entries(documentLists);
  let at = -1;
  let isFirst = true;
  const upTo = (table: string): string => {
    let text = '';
    for (const target = names.findIndex(([name]) => name === table); at < target; isFirst = true) text += `${at === -1 ? '' : ']'},"${names[++at]![1]}":[`;
    return text;
  };
  for await (const some of rows) {
    let piece = '';
    for (const { table, row } of some) {
      if (table === 'test_execution_runs') piece += `,"run":${JSON.stringify(row)}`;
      else if (isListed(table)) {
        piece += upTo(table);
        piece += `${isFirst ? '' : ','}\n${JSON.stringify(row)}`;
        isFirst = false;
      }
    }
    yield piece;
  }
  yield `${upTo(names.at(-1)![0])}]}\n`;
}

function isListed(table: string): table is keyof typeof documentLists {
  return Object.hasOwn(documentLists, table);
}
