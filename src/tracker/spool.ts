import { appendFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Batch } from '../protocol/batch.ts';

/** One run's share of the disk while nobody answers. */
const MOST_BYTES = 64 * 1024 * 1024;

const Line = z.object({ holder_id: z.string(), batch: Batch.omit({ run_id: true, holder_id: true }) });

/** Batches kept on disk because nobody answers: one file a run, 0600, bounded. */
export interface Spool {
  /** False when the spool is full or the disk refuses: then the rows are lost, and the caller says so. */
  readonly append: (holderId: string, rows: z.infer<typeof Line>['batch']) => boolean;
  /** All that is kept, oldest first. Lines that a crash cut off are left out. */
  readonly read: () => readonly z.infer<typeof Line>[];
  readonly clear: () => void;
}

export function openSpool(directory: string, runId: string): Spool {
  const file = join(directory, `${encodeURIComponent(runId)}.ndjson`);
  let bytes: number | undefined;
  return {
    append: (holderId, rows) => {
      try {
        const line = `${JSON.stringify({ holder_id: holderId, batch: rows })}\n`;
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        bytes ??= existsSync(file) ? sizeOf(file) : 0;
        if (bytes + line.length > MOST_BYTES) return false;
        appendFileSync(file, line, { mode: 0o600 });
        bytes += line.length;
        return true;
      } catch {
        return false;
      }
    },
    read: () => {
      if (!existsSync(file)) return [];
      sizeOf(file);
      return readFileSync(file, 'utf8')
        .split('\n')
        .flatMap((line) => {
          try {
            return [Line.parse(JSON.parse(line))];
          } catch {
            return [];
          }
        });
    },
    clear: () => {
      bytes = 0;
      rmSync(file, { force: true });
    },
  };
}

/** Runs whose rows an earlier process left behind. */
export function spooledRuns(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.ndjson'))
    .map((name) => decodeURIComponent(name.slice(0, -'.ndjson'.length)));
}

function sizeOf(file: string): number {
  const status = lstatSync(file);
  if (!status.isFile()) throw new Error(`${file} is not a plain file`);
  return status.size;
}
