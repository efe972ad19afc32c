import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Database } from '../../storage/database.ts';
import { Ended } from '../failure.ts';
import { unicodeGlyphs } from '../../tui/output/glyphs.ts';
import { runProgram } from '../program.ts';
import { readSettings } from '../settings.ts';
import type { GlobalFlags } from '../settings.ts';
import type { Finding } from './check.ts';
import { examine } from './examine.ts';
import type { DoctorFlags } from './examine.ts';

/** What a call of `doctor` said. */
export interface Diagnosed {
  readonly status: number;
  readonly findings: readonly Finding[];
  /** Those of this name. */
  of(this: void, name: string): readonly Finding[];
  readonly problems: readonly Finding[];
}

/** `doctor` in this process, with an environment and a data directory of its own. */
export interface Clinic {
  readonly dataDir: string;
  doctor(this: void, flags?: DoctorFlags & GlobalFlags, run?: string): Promise<Diagnosed>;
  /** Does what a finding says, word for word: our command, or its SQL where it names psql. */
  apply(this: void, finding: Finding | undefined, database: Database): Promise<void>;
  close(this: void): void;
}

export function openClinic(env: Readonly<Record<string, string>>): Clinic {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-doctor-'));
  const dataDir = join(home, 'data');
  for (const [name, value] of Object.entries({ STEPSCOPE_DATA_DIR: dataDir, XDG_CONFIG_HOME: join(home, 'config'), ...env }))
    vi.stubEnv(name, value);

  return {
    dataDir,
    async doctor(flags = {}, run) {
      const findings: Finding[] = [];
      const io = {
        out: (line: string) => void findings.push(JSON.parse(line) as Finding),
        err: () => {},
        paint: (_: unknown, text: string) => text,
        command: (words: string) => `stepscope ${words}`,
        json: true,
        glyphs: unicodeGlyphs,
        columns: 80,
        readerGone: new AbortController().signal,
      };
      const status = await examine({ flags, settings: readSettings(flags), io, run }).then(() => 0, statusOf);
      return {
        status,
        findings,
        of: (name) => findings.filter((one) => one.name === name),
        problems: findings.filter((one) => one.result === 'problem'),
      };
    },
    async apply(finding, database) {
      const { command, sql } = finding ?? {};
      if (command?.startsWith('stepscope ') === true) {
        const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
        const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
        await runProgram(command.split(' ').slice(1)).catch((error: unknown) => void statusOf(error));
        said.mockRestore();
        told.mockRestore();
      } else if (command?.startsWith('psql "$DATABASE_URL" -c ') === true && sql !== undefined) {
        await database.asOwner(async (transaction) => await transaction.query(sql));
      } else throw new Error(`there is nothing to apply in ${JSON.stringify(finding)}`);
    },
    close() {
      vi.unstubAllEnvs();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function statusOf(error: unknown): number {
  if (error instanceof Ended) return error.exitStatus;
  throw error;
}
