import type { SettingChange } from '../core/terminal-settings.ts';
import type { BreakpointRow, CommandPayload, CommandVerb } from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';
import type { SessionCursor } from '../core/session-peers.ts';
import type { Following } from './outside/followings.ts';
import type { Question } from './outside/questions.ts';
import type { Write } from './outside/writes.ts';

/** What an update wants done outside. Data, so that a test can read it; `effects.ts` does it. */
export type Effect =
  | { readonly type: 'connect' }
  | { readonly type: 'loadModels' }
  | { readonly type: 'follow'; readonly runId: string }
  | { readonly type: 'unfollow' }
  /** Older runs than those of the list, by its filter. */
  | { readonly type: 'searchRuns'; readonly filter: string; readonly now: number }
  /** Looks a run up by what a person typed, and opens it; at a step, by what they call it. */
  | { readonly type: 'find'; readonly reference: string; readonly step?: string | undefined }
  | { readonly type: 'start'; readonly request: RunRequest }
  | { readonly type: 'command'; readonly runId: string; readonly verb: CommandVerb; readonly payload: CommandPayload }
  | { readonly type: 'loadSnapshot'; readonly runId: string; readonly stepKey: string; readonly attempt: number }
  | { readonly type: 'highlight'; readonly runId: string; readonly snapshot: string; readonly code: string; readonly filePath: string | null }
  | { readonly type: 'addBreakpoint'; readonly pipelineKey: string; readonly kind: BreakpointRow['kind']; readonly target: string | null }
  | { readonly type: 'setBreakpoint'; readonly id: string; readonly enabled: boolean }
  | { readonly type: 'removeBreakpoint'; readonly id: string }
  | {
      readonly type: 'annotate';
      readonly runId: string;
      readonly marks: { readonly bookmarked: boolean; readonly bookmarkName: string | null; readonly tags: readonly string[]; readonly notes: string | null };
    }
  | { readonly type: 'export'; readonly runId: string; readonly fileName: string }
  | { readonly type: 'writeFile'; readonly fileName: string; readonly text: string; readonly what: string }
  | { readonly type: 'copy'; readonly text: string; readonly what: string }
  /** Gives the terminal to `$EDITOR` on this text. */
  | { readonly type: 'editOutside'; readonly text: string; readonly stepKey: string }
  | { readonly type: 'suspend' }
  | { readonly type: 'repaint' }
  /** Keeps settings for the next start; `text` is said when that is done. */
  | { readonly type: 'saveSettings'; readonly change: SettingChange; readonly text: string }
  /** Reads the files of themes anew, and puts on the one of this name. */
  | { readonly type: 'readThemes'; readonly choose: string }
  /** Keeps the pause of a run ours for as long as this terminal lives; `take`, also when it is somebody else's. */
  | { readonly type: 'keepLease'; readonly runId: string; readonly take: boolean }
  | { readonly type: 'releaseLease'; readonly runId: string }
  /** What the screen that is shown is to hear from now on, in place of what it heard. */
  | { readonly type: 'followNews'; readonly following: Following | undefined }
  /** What a screen needs to know. */
  | { readonly type: 'ask'; readonly question: Question }
  | { readonly type: 'write'; readonly write: Write }
  /** Begins a session on a run, or joins one by what a person typed. */
  | { readonly type: 'startSession'; readonly runId: string; readonly name: string | undefined }
  | { readonly type: 'joinSession'; readonly reference: string }
  /** Leaves the session; `end`, for everybody. */
  | { readonly type: 'leaveSession'; readonly end: boolean }
  /** Tells the others where we look. */
  | { readonly type: 'moveInSession'; readonly cursor: SessionCursor }
  | { readonly type: 'exit' };
