import { randomUUID } from 'node:crypto';
import type { SupabaseClient } from '@supabase/supabase-js';
import { z } from 'zod';
import { createMasker } from '../../core/mask.ts';
import { isTraceTable } from '../../core/trace/trace-line.ts';
import { settleRow } from '../../core/trace/settle-row.ts';
import { UserError } from '../../protocol/error.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import { request } from '../request.ts';
import { maskTraceRow } from './mask-blob.ts';

/** A run to be stored as it was. `rows` is everything but the row of the run itself. */
export interface RunToImport {
  readonly run: JsonObject;
  readonly rows: () => AsyncIterable<readonly TraceRow[]>;
  /** Why, for the audit log: the name of the file. */
  readonly why?: string | undefined;
}

export interface ImportOptions {
  /** Called now and then with the rows stored so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `here`: there is a run of that id, and nothing was stored. */
export type ImportOutcome = 'stored' | 'here';

/** What one request may carry of rows; a blob that is larger goes alone. */
const BATCH_LENGTH = limits.bodyBytes * 0.7;
const State = z.object({ state: z.enum(['ready', 'here', 'busy', 'clearing', 'ok']), stored: z.int().optional() });

/**
 * Stores a run with ids, numbers and times as they are, masked. Nobody sees anything of it before all is there; when it
 * fails or the program ends meanwhile, nobody ever does.
 *
 * @throws UserError `conflict` when somebody else imports the same run, or its rows are here under another one.
 */
export async function importRun(supabase: SupabaseClient, url: string, source: RunToImport, options: ImportOptions = {}): Promise<ImportOutcome> {
  const head = { run_id: source.run['test_run_id'] as string, import_id: randomUUID() };
  const call = (batch: object) => request(url, 'import the run', supabase.rpc('import_rows', { batch: { ...head, ...batch } }), State);

  for (;;) {
    const { state } = await call({ do: 'begin' });
    if (state === 'here') return 'here';
    if (state === 'ready') break;
    if (state === 'busy') {
      throw new UserError('conflict', `run ${head.run_id} is being imported by somebody else`, { hint: 'Wait for it; an import that was given up can be taken over after 30 seconds' });
    }
    options.signal?.throwIfAborted();
  }
  try {
    const masker = createMasker();
    const stored = await storeRows(source, call, masker, options);
    const { row, extra } = settleRow('test_execution_runs', await maskTraceRow('test_execution_runs', source.run, masker));
    if (extra !== undefined) await call({ do: 'store', extras: [extraOf('test_execution_runs', row, extra, 0)] });
    options.signal?.throwIfAborted();
    await call({ do: 'finish', run: row, stored, why: source.why });
    return 'stored';
  } catch (error) {
    // What cannot be taken away now is hidden all the same, and taken away later.
    await call({ do: 'abandon' }).catch(() => undefined);
    throw error;
  }
}

async function storeRows(
  source: RunToImport,
  call: (batch: object) => Promise<z.infer<typeof State>>,
  masker: ReturnType<typeof createMasker>,
  { onProgress, signal }: ImportOptions,
): Promise<number> {
  let rows: TraceRow[] = [];
  let extras: JsonObject[] = [];
  let length = 0;
  let stored = 0;
  let place = 0;
  // While one batch is stored the next is made ready.
  let underWay: Promise<void> = Promise.resolve();
  const send = async (batch: object, count: number): Promise<void> => {
    signal?.throwIfAborted();
    await call({ do: 'store', ...batch });
    stored += count;
    onProgress?.(stored);
  };
  const flush = async (): Promise<void> => {
    if (rows.length === 0 && extras.length === 0) return;
    await underWay;
    underWay = send({ rows, extras }, rows.length);
    // Whoever waits for it next hears of a failure.
    underWay.catch(() => undefined);
    rows = [];
    extras = [];
    length = 0;
  };

  try {
    await collect();
    await flush();
    await underWay;
  } catch (error) {
    // Nothing may come after what takes the rest away.
    await underWay.catch(() => undefined);
    throw error;
  }
  return stored;

  async function collect(): Promise<void> {
    for await (const some of source.rows()) for (const row of some) await add(row);
  }

  async function add({ table, row }: TraceRow): Promise<void> {
    const masked = await maskTraceRow(table, row, masker);
    if (!isTraceTable(table)) extras.push({ table_name: table, row_key: `row ${place}`, place: place++, fields: masked });
    else {
      const settled = settleRow(table, masked);
      if (settled.extra !== undefined) extras.push(extraOf(table, settled.row, settled.extra, 0));
      const size = JSON.stringify(settled.row).length;
      if (length > 0 && length + size > BATCH_LENGTH) await flush();
      rows.push({ table, row: settled.row });
      length += size;
    }
    if (rows.length + extras.length >= limits.batchRows) await flush();
  }
}

function extraOf(table: string, row: JsonObject, fields: JsonObject, place: number): JsonObject {
  return { table_name: table, row_key: (row['id'] ?? row['hash']) as string, place, fields };
}
