import { z } from 'zod';
import { BlobRow, CommandRow, LogRow, RunRow, SnapshotRow, StepRow } from './rows.ts';

/** Version of the file that `export` writes. Older ones stay readable for ever. */
export const TRACE_VERSION = 1;

/** A run as one JSON document: what `tracker.export()` and `stepscope export` write, masked. */
export const Trace = z.object({
  stepscope: z.literal('trace'),
  version: z.literal(TRACE_VERSION),
  exportedAt: z.string(),
  run: RunRow,
  steps: z.array(StepRow),
  snapshots: z.array(SnapshotRow),
  blobs: z.array(BlobRow),
  logs: z.array(LogRow),
  commands: z.array(CommandRow),
});
export type Trace = z.infer<typeof Trace>;
