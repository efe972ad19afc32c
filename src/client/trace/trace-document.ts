import { jsonTextProblem } from '../../core/json-limits.ts';
import { assertVersion } from '../../core/trace/trace-line.ts';
import { formatBytes } from '../../core/format.ts';
import { UserError } from '../../protocol/error.ts';
import { limits } from '../../protocol/limits.ts';
import { Trace, TRACE_DOCUMENT_VERSION } from '../../protocol/trace.ts';
import type { SourceFile } from './source-file.ts';

/** In a trace of version 1 what stands before the rows is short. */
const HEAD_BYTES = 4 * 1024;
/** A document around rows: `{"logs":[{…}]}`. What is around a row does not count towards its depth and keys. */
const ENVELOPE = 2;

/** Is this a trace of version 1, one JSON document, in one line or in many? */
export async function isTraceDocument(source: SourceFile): Promise<boolean> {
  for await (const chunk of source.read(0, HEAD_BYTES)) {
    const head = Buffer.from(chunk).toString('latin1');
    const [firstLine = ''] = head.split('\n', 1);
    const first = firstLine.length < head.length || source.bytes === head.length ? parsed(firstLine) : undefined;
    if (first !== undefined) return first.stepscope === 'trace' && first.version === TRACE_DOCUMENT_VERSION;
    return /"stepscope"\s*:\s*"trace"/.test(head);
  }
  return false;
}

/** The text of a file that is read whole. Throws `too-large` or `usage`. */
export async function wholeText(source: SourceFile): Promise<string> {
  if (source.bytes > limits.importDocumentBytes) {
    throw new UserError('too-large', `${source.name} is one JSON document of ${formatBytes(source.bytes)}; up to ${formatBytes(limits.importDocumentBytes)} are read`, {
      hint: 'Write it as a line for each record',
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new UserError('usage', `${source.name} is not text in UTF-8`);
  }
}

/** A trace of version 1. Throws `usage` that names the field that is wrong. */
export async function readDocument(source: SourceFile): Promise<Trace> {
  const text = await wholeText(source);
  const tooMuch = jsonTextProblem(text, ENVELOPE);
  if (tooMuch !== undefined) throw new UserError('too-large', `${source.name}: ${tooMuch}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UserError('usage', `${source.name} is cut off or damaged: ${(cause as Error).message}`, { hint: 'Export it again, or copy the file again' });
  }
  assertVersion((json as { readonly version?: unknown }).version);
  const parsed = Trace.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError('usage', `${source.name} is no trace of version 1: ${issue?.path.join('.')}: ${issue?.message}`);
}

function parsed(text: string): { readonly stepscope?: unknown; readonly version?: unknown } | undefined {
  try {
    return (JSON.parse(text) as object | null) ?? {};
  } catch {
    return undefined;
  }
}
