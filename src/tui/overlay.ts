import type { ForkFacts, ForkPlan, ForkPreview } from '../core/fork-plan.ts';
import type { ForkEffects } from '../protocol/run-request.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import type { ModelRow } from '../protocol/account-rows.ts';
import type { PipelineRow } from '../protocol/rows.ts';
import type { SettingName } from '../core/terminal-settings.ts';
import type { Effect } from './effect.ts';
import type { Settings } from './settings.ts';
import type { ReadingPlace } from './state.ts';
import type { TextArea } from './text-area.ts';

/** What a one-line prompt is for. */
export type PromptPurpose = 'search' | 'filter' | 'command' | 'cancel' | 'note' | 'jump';

export interface Prompt {
  readonly type: 'prompt';
  readonly purpose: PromptPurpose;
  readonly text: string;
  /** Place of the cursor, in UTF-16 units. */
  readonly at: number;
  /** What stood there before, for Esc. */
  readonly before: string;
  /** Number of the line of the log that a note is for. */
  readonly line?: number | undefined;
  /** Where the reader of the log was when the filter was opened. */
  readonly reading?: ReadingPlace | undefined;
  /** The settings before a theme was put on to be looked at, for Esc. */
  readonly lookedFrom?: Settings | undefined;
  /** Why Enter did not take what was typed. */
  readonly problem: string | undefined;
  /** How many texts back in what was typed before, and what stood there when the first was brought back. */
  readonly recalled?: { readonly back: number; readonly draft: string } | undefined;
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

/** A form of any other purpose; `dialogs/forms` knows what it does. */
export interface Form {
  readonly type: 'form';
  readonly purpose: FormPurpose;
  readonly title: string;
  readonly fields: readonly Field[];
  readonly cursor: number;
  readonly problem: string | undefined;
  /** What it asks for is under way. */
  readonly sent: boolean;
}

type FormPurpose =
  /** A new breakpoint, or the one with this id. */
  | { readonly kind: 'breakpoint'; readonly pipelineKey: string; readonly id: string | undefined }
  | { readonly kind: 'watch'; readonly pipelineKey: string }
  | { readonly kind: 'reject' }
  | { readonly kind: 'saveComparison'; readonly runIds: readonly string[]; readonly ignoreVolatile: boolean };

/** A yes or no before something is done. */
export interface Confirm {
  readonly type: 'confirm';
  readonly title: string;
  readonly text: readonly string[];
  readonly effects: readonly Effect[];
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
  /** What becomes of effects outside that would happen again: not said yet, again, or the answers that were recorded. */
  readonly effects: ForkEffects;
  /** What it costs, and what is in the way; undefined until the backend has said so. */
  readonly facts: { readonly preview: ForkPreview; readonly facts: ForkFacts } | undefined;
  readonly sent: boolean;
  readonly problem: string | undefined;
}

export interface CopyMenu {
  readonly type: 'copy';
}

/** Leaving while a run is held by us. */
export interface Leave {
  readonly type: 'leave';
  readonly runIds: readonly string[];
}

/** Choosing the value of a setting; what is under the cursor is looked at already. */
export interface Choose {
  readonly type: 'choose';
  readonly setting: SettingName;
  readonly title: string;
  readonly cursor: number;
  /** The settings for Esc. */
  readonly before: Settings;
}

export type Overlay = Prompt | Help | NewRun | Bookmark | Form | Confirm | Editor | Preview | CopyMenu | Leave | Choose;
