import { z } from 'zod';
import type { Json, JsonObject } from '../../protocol/json.ts';
import type { RunRow } from '../../protocol/rows.ts';
import type { TraceRow } from '../../protocol/trace.ts';
import type { ImportContext } from './blank-rows.ts';
import { blankLog, blankRun, blankSnapshot, blankStep } from './blank-rows.ts';
import { firstBadStep } from '../first-bad-step.ts';
import type { SaidStep } from '../first-bad-step.ts';
import { timeOf } from './times.ts';

const Part = z.looseObject({ type: z.string().optional(), text: z.string().optional() });
const Message = z.looseObject({
  role: z.string().optional(),
  name: z.string().optional(),
  content: z.union([z.string(), z.array(Part), z.null()]).optional(),
});
type Message = z.infer<typeof Message>;

/** A conversation of agents: its messages under one of the usual names, and whatever else is known of it. */
const Transcript = z.union([
  z.looseObject({ history: z.array(Message).min(1) }),
  z.looseObject({ messages: z.array(Message).min(1) }),
  z.array(Message).min(1),
]);

export interface Imported {
  readonly run: RunRow;
  readonly rows: readonly TraceRow[];
}

/** Messages in one transcript. */
export const MOST_MESSAGES = 100_000;

/** Is this document a conversation? */
export function looksLikeTranscript(json: Json): boolean {
  const parsed = Transcript.safeParse(json);
  return parsed.success && messagesOf(parsed.data).some(({ role, name, content }) => (role ?? name) !== undefined && content !== undefined);
}

/** A conversation as a run: a step for each message, named after the agent that said it. Throws ZodError for anything else. */
export function runOfTranscript(json: Json, context: ImportContext): Imported {
  const transcript = Transcript.parse(json);
  const messages = messagesOf(transcript);
  if (messages.length > MOST_MESSAGES) throw new RangeError(`a transcript of more than ${MOST_MESSAGES} messages`);
  const { history: _, messages: __, ...facts } = Array.isArray(transcript) ? {} : (transcript as Record<string, Json>);
  const rows: TraceRow[] = [];
  let seq = 1;
  let previous: { readonly agent: string; readonly text: string } | undefined;
  const times: string[] = [];
  const said: SaidStep[] = [];
  for (const [i, message] of messages.entries()) {
    const { name, role, content, ...rest } = message;
    const agent = name ?? role ?? 'message';
    const text = textOf(message);
    const time = timeOf((rest['timestamp'] ?? rest['created_at'] ?? rest['time']) as Json | undefined);
    if (time !== undefined) times.push(time);
    const step = blankStep(context, {
      step_key: `${slug(agent)}_${i + 1}`,
      step_name: agent,
      ordinal: i,
      seq: ++seq,
      started_at: time ?? null,
      completed_at: time ?? null,
      metadata: { imported: { ...rest, index: i, ...(role === undefined ? {} : { role }) } as JsonObject },
    });
    const outputs: JsonObject = { content: (content ?? null) as Json };
    rows.push({ table: 'test_execution_steps', row: step as unknown as JsonObject });
    rows.push({ table: 'test_execution_snapshots', row: blankSnapshot(context, step, { inputs: previous ?? {}, outputs }) as unknown as JsonObject });
    const log = blankLog(context, {
      seq: ++seq,
      step_key: step.step_key,
      step_number: step.step_number,
      step_name: agent,
      message: headline(text),
      timestamp: time ?? context.now,
    });
    rows.push({ table: 'test_execution_logs', row: log as unknown as JsonObject });
    previous = { agent, text };
    said.push({ key: step.step_key, name: agent, text });
  }
  const failed = facts['is_correct'] === false || facts['success'] === false;
  const question = [facts['question'], facts['task'], facts['prompt']].find((value) => typeof value === 'string');
  const suspect = firstBadStep(said);
  const run = blankRun(context, {
    pipeline_key: 'transcript',
    status: failed ? 'failed' : 'completed',
    error_message: failed ? 'The transcript says that its answer is wrong.' : null,
    inputs: question === undefined ? {} : { question },
    total_steps: messages.length,
    completed_steps: messages.length,
    log_counts: { info: messages.length },
    execution_data: { imported: { ...facts, format: 'transcript', name: context.name }, ...(suspect === undefined ? {} : { firstBadStep: suspect as unknown as JsonObject }) },
    started_at: times[0] ?? null,
    completed_at: times.at(-1) ?? null,
    seq: seq + 1,
  });
  return { run, rows };
}

function messagesOf(transcript: z.infer<typeof Transcript>): readonly Message[] {
  if (Array.isArray(transcript)) return transcript;
  return ('history' in transcript ? transcript.history : transcript.messages) as readonly Message[];
}

function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? `[${part.type ?? 'part'}]`).join('\n');
}

/** A line of the log for a message: its first line with something in it. */
function headline(text: string): string {
  const [line = ''] = text.trim().split('\n', 1);
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}

const slug = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '_').replaceAll(/^_|_$/g, '').slice(0, 80) || 'agent';
