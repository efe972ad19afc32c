import { afterAll, beforeAll, describe } from 'vitest';
import type { Database } from '../../storage/database.ts';
import { callingContract } from './calling-contract.ts';
import { filtersContract } from './filters-contract.ts';
import { readingContract } from './reading-contract.ts';
import { startOrchestra, type Orchestra } from './testing.ts';
import { writingContract } from './writing-contract.ts';

/*
 * What an unmodified supabase-js does with tables and functions, in the order of its documentation, on both
 * engines; what a query finds is compared with what Postgres itself answers.
 */

describe.each<Database['engine']>(['pglite', 'postgres'])('on %s', (engine) => {
  let orchestra: Orchestra;
  beforeAll(async () => void (orchestra = await startOrchestra(engine)), 60_000);
  afterAll(async () => await orchestra.stop());

  readingContract(() => orchestra);
  filtersContract(() => orchestra);
  writingContract(() => orchestra);
  callingContract(() => orchestra);
});
