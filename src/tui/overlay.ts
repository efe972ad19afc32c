import type { ForkPlan } from '../core/fork-plan.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import type { LogRow, ModelRow, PipelineRow } from '../protocol/rows.ts';
import type { TextArea } from './text-area.ts';

/** What a one-line prompt is for. */
type PromptPurpose = 'search' | 'filter' | 'command' | 'cancel';

export interface Prompt {
  readonly type: 'prompt';
  readonly purpose: PromptPurpose;
  readonly text: string;
  /** Place of the cursor, in UTF-16 units. */
  readonly at: number;
  /** What stood there before, for Esc. */
  readonly before: string;
  /** Why Enter did not take what was typed. */
  readonly problem: string | undefined;
}

export interface Help {
  readonly type: 'help';
  readonly query: string;
  readonly cursor: number;
}

/** A field of a form: text typed in place, or one of several. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly choices: readonly string[] | undefined;
  readonly hint: string | undefined;
  readonly problem: string | undefined;
}

/** Choosing pipeline, model and inputs before a run starts. */
export interface NewRun {
  readonly type: 'newRun';
  readonly pipeline: PipelineRow;
  readonly model: ModelRow | undefined;
  readonly fields: readonly Field[];
  readonly cursor: number;
  readonly problem: string | undefined;
}

/** Name, tags and notes of a run. */
export interface Bookmark {
  readonly type: 'bookmark';
  readonly runId: string;
  readonly fields: readonly Field[];
  readonly cursor: number;
  readonly problem: string | undefined;
}

/** The JSON editor on the inputs of a step. */
export interface Editor {
  readonly type: 'editor';
  readonly runId: string;
  readonly stepKey: string;
  readonly title: string;
  readonly original: JsonObject;
  readonly schema: JsonObject | undefined;
  readonly area: TextArea;
  readonly problem: string | undefined;
  /** Esc was pressed on changed text once. */
  readonly leaving: boolean;
}

/** What a rerun would do, before it does it. */
export interface Preview {
  readonly type: 'preview';
  readonly parentRunId: string;
  /** Undefined for the whole run. */
  readonly stepKey: string | undefined;
  readonly plan: ForkPlan;
  readonly patch: readonly PatchOperation[];
  /** The step's inputs were edited in the run itself, and what it was run with is what it is run with again. */
  readonly isEdited: boolean;
  readonly mode: 'auto' | 'step';
  readonly accepted: boolean;
  readonly sent: boolean;
  readonly problem: string | undefined;
}

export interface BreakpointList {
  readonly type: 'breakpoints';
  readonly pipelineKey: string;
  readonly cursor: number;
}

export interface CopyMenu {
  readonly type: 'copy';
}

export interface LogLine {
  readonly type: 'logLine';
  readonly row: LogRow;
  readonly top: number;
}

/** Leaving while a run is held by us. */
export interface Leave {
  readonly type: 'leave';
  readonly runIds: readonly string[];
}

export type Overlay = Prompt | Help | NewRun | Bookmark | Editor | Preview | BreakpointList | CopyMenu | LogLine | Leave;
