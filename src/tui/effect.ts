import type { BreakpointRow, CommandPayload, CommandVerb } from '../protocol/rows.ts';
import type { RunRequest } from '../protocol/run-request.ts';

/** What an update wants done outside. Data, so that a test can read it; `effects.ts` does it. */
export type Effect =
  | { readonly type: 'connect' }
  | { readonly type: 'loadModels' }
  | { readonly type: 'follow'; readonly runId: string }
  | { readonly type: 'unfollow' }
  /** Looks a run up by what a person typed, and opens it. */
  | { readonly type: 'find'; readonly reference: string }
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
  | { readonly type: 'setTheme'; readonly name: string }
  | { readonly type: 'exit' };
