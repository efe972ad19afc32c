import type { LinkState, ListFollower, StepSnapshot } from '../client/backend.ts';
import type { ErrorCode } from '../protocol/error.ts';
import type { LogLines, Reading } from '../core/log-lines.ts';
import type { Peer } from '../core/session-peers.ts';
import type { CommentRow, DebugSessionRow, LogBookmarkRow } from '../protocol/debug-rows.ts';
import type { RunChange } from '../protocol/change.ts';
import type { ModelRow } from '../protocol/account-rows.ts';
import type { CommandRow, CommandVerb, RunRow } from '../protocol/rows.ts';
import type { InputEvent } from './input/key.ts';
import type { Line } from './output/line.ts';
import type { LineUse } from './output/terminal.ts';
import type { KnownTheme } from './output/themes.ts';
import type { News } from './outside/followings.ts';
import type { Answer, Question } from './outside/questions.ts';
import type { Written } from './outside/writes.ts';
import type { HeldPause, Notice } from './state.ts';

export type ListRows = Parameters<ListFollower['onRows']>[0];

/** Everything that can happen to the program. */
export type Message =
  | InputEvent
  | { readonly type: 'resized'; readonly columns: number; readonly rows: number }
  /** Time passes; only sent while something on the screen depends on it. */
  | { readonly type: 'ticked' }
  /** The next slice of lines that no filter has looked at; sent while there are any. */
  | { readonly type: 'scanned' }
  /** What the line to the terminal carries; only sent while it is shown. */
  | { readonly type: 'measured'; readonly use: LineUse }
  | { readonly type: 'progressed'; readonly text: string }
  | { readonly type: 'connected'; readonly url: string; readonly identity: string }
  | { readonly type: 'connectFailed'; readonly message: string; readonly hint: string | undefined; readonly code?: ErrorCode | undefined }
  | { readonly type: 'listed'; readonly rows: ListRows }
  | { readonly type: 'listLink'; readonly link: LinkState }
  | { readonly type: 'modelsLoaded'; readonly models: readonly ModelRow[] }
  | { readonly type: 'found'; readonly run: RunRow; readonly step?: string | undefined }
  | { readonly type: 'changed'; readonly runId: string; readonly changes: readonly RunChange[]; readonly lines?: LogLines; readonly reading?: Reading }
  | { readonly type: 'runLink'; readonly runId: string; readonly link: LinkState }
  | { readonly type: 'started'; readonly run: RunRow }
  | { readonly type: 'startFailed'; readonly message: string }
  | { readonly type: 'commanded'; readonly command: CommandRow }
  | { readonly type: 'commandFailed'; readonly runId: string; readonly verb: CommandVerb; readonly message: string }
  | { readonly type: 'snapshotLoaded'; readonly runId: string; readonly key: string; readonly snapshot: StepSnapshot | undefined; readonly problem: string | undefined }
  | { readonly type: 'highlighted'; readonly runId: string; readonly snapshot: string; readonly lines: readonly Line[] }
  | { readonly type: 'annotated'; readonly run: RunRow }
  | { readonly type: 'editedOutside'; readonly stepKey: string; readonly text: string | undefined; readonly problem: string | undefined }
  /** What the screen that is shown follows. */
  | { readonly type: 'heard'; readonly news: News }
  | { readonly type: 'answered'; readonly question: Question; readonly outcome: { readonly answer: Answer } | { readonly problem: string } }
  | { readonly type: 'searched'; readonly filter: string; readonly runs: readonly RunRow[]; readonly searched: number; readonly isAll: boolean }
  | { readonly type: 'commented'; readonly runId: string; readonly comments: readonly CommentRow[] }
  | { readonly type: 'bookmarked'; readonly runId: string; readonly bookmarks: readonly LogBookmarkRow[] }
  | { readonly type: 'leased'; readonly runId: string; readonly pause: HeldPause | undefined }
  | { readonly type: 'sessionJoined'; readonly session: DebugSessionRow }
  | { readonly type: 'sessionPeers'; readonly peers: readonly Peer[] }
  | { readonly type: 'sessionLeft'; readonly why: string }
  | { readonly type: 'written'; readonly written: Written }
  | { readonly type: 'notWritten'; readonly problem: string }
  | { readonly type: 'themesRead'; readonly themes: readonly KnownTheme[]; readonly choose: string }
  | { readonly type: 'told'; readonly text: string; readonly tone: Notice['tone'] };
