import type { LinkState, StepSnapshot } from '../client/backend.ts';
import type { PauseSender } from '../core/command-rules.ts';
import type { CorrelationId } from '../core/correlation.ts';
import type { Filter } from '../core/filter.ts';
import { indexList, type IndexList } from '../core/index-list.ts';
import type { LogLines, Reading } from '../core/log-lines.ts';
import type { RunView } from '../core/run-view.ts';
import type { ErrorCode } from '../protocol/error.ts';
import type { Peer } from '../core/session-peers.ts';
import type { CommentRow, DebugSessionRow, LeaseRow, LogBookmarkRow, WatchRow } from '../protocol/debug-rows.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { ModelRow } from '../protocol/account-rows.ts';
import type { BreakpointRow, CommandVerb, PipelineRow, RunRow, RunnerRow, StepRow } from '../protocol/rows.ts';
import type { LogLevel } from '../protocol/vocabulary.ts';
import type { FoundWords } from './model/log-search.ts';
import type { KeyName } from './input/key.ts';
import type { Folding } from './json/tree.ts';
import type { HouseName } from './model/house.ts';
import { asciiGlyphs, unicodeGlyphs, type Glyphs } from './output/glyphs.ts';
import type { Line } from './output/line.ts';
import type { LineUse } from './output/terminal.ts';
import type { Following } from './outside/followings.ts';
import type { Overlay, PromptPurpose } from './overlay.ts';
import type { ScreenState } from './screens/table.ts';
import type { Settings } from './settings.ts';
import type { PictureChoice, PictureStyle } from './pictures/style.ts';

/** The whole of what the program knows. Plain data: what is on the screen follows from it, and from nothing else. */
export interface State {
  readonly size: Size;
  /** Milliseconds since 1970, as of the last message. Nothing below reads a clock. */
  readonly now: number;
  readonly glyphs: Glyphs;
  readonly settings: Settings;
  readonly pictures: PictureChoice;
  readonly session: Session;
  readonly lists: Lists;
  readonly home: Home;
  /** The run screen, when it is open; otherwise the list of runs is shown. */
  readonly open: OpenRun | undefined;
  /** Screens over the run or the list of runs; the last one is shown. */
  readonly screens: readonly ScreenState[];
  /** What the screen that is shown hears; see `outside/followings.ts`. */
  readonly following: Following | undefined;
  /** Dialogs over the screen; the last one has the keyboard. */
  readonly overlays: readonly Overlay[];
  readonly notice: Notice | undefined;
  /** What the line to the terminal carries, while that is shown. */
  readonly lineUse: LineUse | undefined;
  /** The session we take part in. */
  readonly together: Together | undefined;
  readonly timeFormat: TimeFormat;
  /** What was typed in prompts, the newest last. */
  readonly typed: TypedBefore;
  /** How the room is divided where all panes are shown. */
  readonly shares: Shares;
  /** When Ctrl-c was last pressed with nothing left to close. */
  readonly interruptedAt: number | undefined;
  /** A run to open as soon as the backend is there. */
  readonly initialRun: string | undefined;
  readonly readOnly: boolean;
  /** Name of the file that is shown, where there is no backend behind it. */
  readonly recording: string | undefined;
}

export type TypedBefore = Readonly<Partial<Record<PromptPurpose, readonly string[]>>>;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Session =
  | { readonly phase: 'connecting'; readonly progress: string; readonly since: number }
  | { readonly phase: 'failed'; readonly message: string; readonly hint: string | undefined; readonly code?: ErrorCode | undefined }
  | { readonly phase: 'ready'; readonly url: string; readonly identity: string };

export interface Lists {
  /** Newest first. Undefined until the first answer. */
  readonly runs: readonly RunRow[] | undefined;
  readonly pipelines: readonly PipelineRow[];
  readonly models: readonly ModelRow[];
  readonly breakpoints: readonly BreakpointRow[];
  readonly watches: readonly WatchRow[];
  readonly runners: readonly RunnerRow[];
  readonly link: LinkAt;
}

/** How the link stands, and since when: a retry is counted down from there. */
export type LinkAt = LinkState & {
  readonly at: number;
  /** When it was lost, until it is live again: what is shown is as of then. */
  readonly lostAt: number | undefined;
};

interface Home {
  /** Id of the selected run, so that the selection stays when newer runs arrive above it. */
  readonly selected: string | undefined;
  readonly top: number;
  /** A filter over runs (`core/run-filter.ts`) that parses; narrows the list. */
  readonly filter: string;
  /** What the backend has found by that filter, older runs than those of the list among it. */
  readonly found: { readonly filter: string; readonly ids: ReadonlySet<string> } | undefined;
  readonly search: string;
  /** What `-` goes back to. */
  readonly lastView: HouseName | undefined;
  /** The run that the next one is compared with. */
  readonly marked: string | undefined;
  /** A start that the backend has not answered yet. */
  readonly starting: boolean;
}

/** Looking at a run together with others. */
export interface Together {
  readonly session: DebugSessionRow;
  /** First who leads; ourselves among them. */
  readonly peers: readonly Peer[];
  /** We look where they look who lead, until we look elsewhere. */
  readonly follows: boolean;
}

/** Parts of a hundred that panes have of the screen. */
export interface Shares {
  /** The steps of its cells. */
  readonly left: number;
  /** Steps and details of its rows; until a person says it, as many as the steps need. */
  readonly upper: number | undefined;
}

export type Pane = 'steps' | 'detail' | 'log';
export type DetailTab = 'inputs' | 'outputs' | 'diff' | 'state' | 'source' | 'timing' | 'error';
export type TimeFormat = 'elapsed' | 'absolute' | 'relative';

export interface OpenRun {
  readonly runId: string;
  /** What is shown: the run as it is known, or as it was at the moment of {@link playback}. */
  readonly view: RunView;
  /** The screens over which it was opened, to go back to. */
  readonly from: CameFrom | undefined;
  /** A look at an earlier moment, and all that is known. */
  readonly playback: { readonly at: number; readonly recorded: RunView } | undefined;
  readonly link: LinkAt;
  readonly pane: Pane;
  /** The focused pane alone, where otherwise all are shown. */
  readonly zoomed: boolean;
  readonly detail: Detail;
  /** A person has chosen a view; until then it is what the run makes worth seeing. */
  readonly choseView: boolean;
  /** What `-` goes back to. */
  readonly lastView: { readonly pane: Pane; readonly tab: DetailTab };
  /** Key of the selected step. */
  readonly selected: string | undefined;
  /** The selection moves with the run until a person moves it. */
  readonly followsRun: boolean;
  readonly log: LogPane;
  /** How far the file has been read in which the log lies. */
  readonly reading: Reading | undefined;
  /** Number of the line of the log to show as soon as it is there. */
  readonly seekSeq: number | undefined;
  /** The step to show as soon as it is there, as a person named it. */
  readonly seekStep: string | undefined;
  /** By `step#attempt`. */
  readonly snapshots: Readonly<Record<string, LoadedSnapshot>>;
  /** Edited inputs that no run has yet, by step key. */
  readonly drafts: Readonly<Record<string, JsonObject>>;
  /** Snapshot whose inputs open in the editor as soon as they have been read. */
  readonly editWhenRead: string | undefined;
  /** What people say about it, oldest first. */
  readonly comments: readonly CommentRow[];
  /** Marked lines of the log, in its order. */
  readonly bookmarks: readonly LogBookmarkRow[];
  /** Whose pause it is, where a terminal holds it. */
  readonly heldBy: HeldPause | undefined;
  /** Commands under way, one of a verb at most, in the order in which they were sent. */
  readonly pending: readonly Pending[];
}

/** What a run was opened from: the screens there were, and the run beneath them. */
export interface CameFrom {
  readonly screens: readonly ScreenState[];
  readonly run: { readonly runId: string; readonly from: CameFrom | undefined } | undefined;
}

/** The lease of a terminal, and who we are beside its owner. */
export interface HeldPause {
  readonly lease: LeaseRow;
  readonly us: PauseSender;
}

/** A command that the run has not answered, or a pause that it took and has not made yet. */
export interface Pending {
  readonly verb: CommandVerb;
  /** The step it names. */
  readonly step: string | undefined;
  readonly since: number;
  readonly isAccepted: boolean;
}

export interface LoadedSnapshot {
  /** What the step was when the snapshot was asked for; another status asks again. */
  readonly status: StepRow['status'];
  readonly seq: number;
  /** An answer is under way. Only one at a time: of two, the older could come last. */
  readonly reading: boolean;
  /** An edit was sent when the step's row had this number; what was read up to it lacks the edit. */
  readonly editedAfter: number | undefined;
  readonly state: 'loading' | 'ready' | 'missing' | 'failed';
  readonly snapshot: StepSnapshot | undefined;
  readonly problem: string | undefined;
  /** The source in colours, once the highlighter has been through it. */
  readonly highlighted: readonly Line[] | undefined;
}

export interface Detail {
  readonly tab: DetailTab;
  /** The row the cursor is on, counted in the content. */
  readonly cursor: number;
  readonly top: number;
  /** Paths whose folding differs from what their depth gives. */
  readonly toggled: ReadonlySet<string>;
  /** Every path is folded or unfolded, whatever its depth. */
  readonly allFolded: boolean | undefined;
  readonly wraps: boolean;
  readonly search: string;
}

export interface LogPane {
  readonly follows: boolean;
  readonly cursor: number;
  readonly top: number;
  readonly filterText: string;
  readonly filter: Filter | undefined;
  readonly filtersOff: boolean;
  readonly leastLevel: LogLevel;
  /** Only lines of this step and its sub-steps. */
  readonly onlyStep: string | undefined;
  /** Only lines that carry this id. */
  readonly onlyId: CorrelationId | undefined;
  /** Lines whose data stand under them as a tree, by `seq`, with how that is folded. */
  readonly unfolded: ReadonlyMap<number, Folding>;
  /** Path of the value under the cursor, within the tree of the line the cursor is on. */
  readonly inside: string | undefined;
  /**
   * Indexes of the lines that pass, among those of the run before `scanned`. Grows in place, as the lines do. What is
   * said of the log in places (`cursor`, `top`, `frozenCount`) are places in it, and never shift.
   */
  readonly matches: IndexList;
  /** Place of the first line that passes and is still there. */
  readonly matchFirst: number;
  /** One more than the place of the last. */
  readonly matchCount: number;
  readonly scanned: number;
  /** What was scanned, its first line and its edition by then. */
  readonly scannedLines: LogLines | undefined;
  readonly firstKept: number;
  readonly edition: number;
  /** What `matchCount` was when the view was frozen. */
  readonly frozenCount: number;
  /** Number of the last line that was there then, whether it passed or not. */
  readonly frozenSeq: number;
  /** Where the reader was before the filters changed, until a scan has come there. */
  readonly reading: ReadingPlace | undefined;
  readonly search: string;
  /** Where the words searched for were found. */
  readonly found: FoundWords | undefined;
  /** A person asked for the next match in this direction, and nobody knows it yet. */
  readonly seeking: 1 | -1 | undefined;
  readonly wraps: boolean;
  /** Cells scrolled sideways. */
  readonly left: number;
}

/** A place in a log that outlasts other filters. */
export interface ReadingPlace {
  /** Of the line under the cursor. */
  readonly seq: number;
  /** Lines that stood above it. */
  readonly above: number;
  /** Of the last line that was there when the view was frozen; -1 when there was none. */
  readonly frozenSeq: number;
}

export interface Notice {
  readonly text: string;
  readonly tone: 'info' | 'warn' | 'error';
  /** It goes at this time, or with the next key. */
  readonly until: number;
  /** The key that was refused and why: the notice goes when that is no longer true. */
  readonly refusal: { readonly key: KeyName; readonly why: string } | undefined;
}

export const newLogPane: LogPane = {
  follows: true, cursor: 0, top: 0, filterText: '', filter: undefined, filtersOff: false, leastLevel: 'debug', onlyStep: undefined, onlyId: undefined, unfolded: new Map(), inside: undefined,
  matches: indexList(), matchFirst: 0, matchCount: 0, scanned: 0, scannedLines: undefined, firstKept: 0, edition: 0, frozenCount: 0, frozenSeq: -1, reading: undefined, search: '', found: undefined, seeking: undefined, wraps: false, left: 0,
};

export const newDetail: Detail = { tab: 'inputs', cursor: 0, top: 0, toggled: new Set(), allFolded: undefined, wraps: true, search: '' };

export interface InitialOptions {
  readonly size: Size;
  readonly now: number;
  readonly settings: Settings;
  /** What the terminal can draw pictures as; text, unless it says more. */
  readonly picturesAs?: PictureStyle | undefined;
  readonly initialRun?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly recording?: string | undefined;
  /** What is wrong with the settings, to be said first. */
  readonly problem?: string | undefined;
}

/** The first screen has more to read than a notice of its kind, and a backend may be starting. */
const PROBLEM_MS = 20_000;

export function initialState(options: InitialOptions): State {
  return {
    size: options.size,
    now: options.now,
    glyphs: options.settings.values.ascii ? asciiGlyphs : unicodeGlyphs,
    settings: options.settings,
    pictures: { able: options.picturesAs ?? 'blocks', chosen: undefined },
    session: { phase: 'connecting', progress: 'opening the backend', since: options.now },
    lists: { runs: undefined, pipelines: [], models: [], breakpoints: [], watches: [], runners: [], link: { state: 'connecting', at: options.now, lostAt: undefined } },
    home: { selected: undefined, top: 0, filter: '', found: undefined, search: '', lastView: undefined, marked: undefined, starting: false },
    open: undefined,
    screens: [],
    following: undefined,
    overlays: [],
    notice: options.problem === undefined ? undefined : { text: options.problem, tone: 'error', until: options.now + PROBLEM_MS, refusal: undefined },
    lineUse: undefined,
    together: undefined,
    timeFormat: options.settings.values.timeFormat,
    typed: {},
    shares: { left: 46, upper: undefined },
    interruptedAt: undefined,
    initialRun: options.initialRun,
    readOnly: options.readOnly ?? false,
    recording: options.recording,
  };
}
