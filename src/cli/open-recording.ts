import { openTraceFile } from '../client/trace-file.ts';
import type { TraceReader } from '../client/trace-file.ts';
import { UserError } from '../protocol/error.ts';

/** Opens a recording for a person, to whom every error names the file. Throws as {@link openTraceFile} does. */
export async function openRecording(path: string): Promise<TraceReader> {
  return await openTraceFile(path).catch((error: unknown) => {
    throw error instanceof UserError && !error.message.includes(path) ? new UserError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error }) : error;
  });
}
