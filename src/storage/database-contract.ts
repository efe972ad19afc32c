import { afterAll, beforeAll, describe, vi } from 'vitest';
import { announceContract } from './contract/announce-contract.ts';
import { auditContract } from './contract/audit-contract.ts';
import { grantsContract } from './contract/grants-contract.ts';
import { importContract } from './contract/import-contract.ts';
import { ingestContract } from './contract/ingest-contract.ts';
import { leaseContract } from './contract/lease-contract.ts';
import { policiesContract } from './contract/policies-contract.ts';
import { portContract } from './contract/port-contract.ts';
import { runsContract } from './contract/runs-contract.ts';
import { schemaContract } from './contract/schema-contract.ts';
import { seedContract } from './contract/seed-contract.ts';
import type { Database } from './database.ts';
import { openTestDatabase } from './testing.ts';
import type { TestDatabase } from './testing.ts';

/** Everything that the rooms above rely on, on a real database of the given engine. */
export function databaseContract(engine: Database['engine']): void {
  vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

  describe(`a database on ${engine}`, () => {
    let opened: TestDatabase;
    beforeAll(async () => {
      opened = await openTestDatabase(engine);
    });
    afterAll(() => opened.close());

    const database = (): Database => opened.database;
    portContract(database);
    schemaContract(database);
    policiesContract(database);
    grantsContract(database);
    auditContract(database);
    seedContract(database);
    ingestContract(database);
    importContract(database);
    runsContract(database);
    leaseContract(database);
    announceContract(database);
  });
}
