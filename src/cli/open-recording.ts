import { streamRecording, type StreamedRecording } from '../client/trace/stream-recording.ts';
import { openTraceFile } from '../client/trace-file.ts';
import type { TraceReader } from '../client/trace-file.ts';
import { UserError } from '../protocol/error.ts';

/** Opens a recording for a person, to whom every error names the file. Throws as {@link openTraceFile} does. */
export async function openRecording(path: string): Promise<TraceReader> {
  return await openTraceFile(path).catch((error: unknown) => {
    throw named(error, path);
  });
}

/** A recording to look at: one whose lines can be read one by one is there at once, and read further while it is shown. */
export async function openToLookAt(path: string): Promise<{ readonly reader: TraceReader; readonly stream: StreamedRecording | undefined }> {
  const stream = await streamRecording(path, new Date().toISOString()).catch((error: unknown) => {
    throw named(error, path);
  });
  return { reader: stream?.reader ?? (await openRecording(path)), stream };
}

function named(error: unknown, path: string): unknown {
  return error instanceof UserError && !error.message.includes(path) ? new UserError(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error }) : error;
}
