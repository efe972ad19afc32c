import { parseFilter } from '../../../core/filter.ts';
import { UserError } from '../../../protocol/error.ts';
import { RunStatus } from '../../../protocol/vocabulary.ts';
import { shortId } from '../../../core/format.ts';
import { refilter } from '../../actions/log.ts';
import { newLogsScreen } from '../../screens/logs.ts';
import { withScreen } from '../../screens/screen.ts';
import type { State } from '../../state.ts';
import { filterRuns } from '../../update/filter-runs.ts';
import { closeRun, selectStep } from '../../update/open-run.ts';
import { playbackOf, playTo } from '../../update/playback.ts';
import { only, told, withOverlay, withRun, type Update } from '../../update/result.ts';
import type { Command } from './command.ts';
import { isOpen, openRunOf, pipelineKeys, runIds, runNamed, runOf, stepDisplays, stepNamed } from './references.ts';
import { oneOf, ShellOnly, valueOf, type Words } from './words.ts';

/** Commands that change what is shown. */
export const lookCommands: Readonly<Record<string, Command>> = {
  show: {
    usage: 'show [RUN]', help: 'open a run by the end of its id, or the last', plain: runIds, options: [{ name: '--step', short: '-s', value: 'STEP', choices: stepDisplays }], inShell: ['--watch', '-w'],
    run: (state, words) => {
      const [word] = words.plain;
      const step = valueOf(words, '--step');
      const named = runNamed(state, word);
      if (step !== undefined && state.open && (word === undefined || (named && isOpen(state, named)))) {
        const { key } = stepNamed(state, step);
        return only(withRun(state, (run) => ({ ...selectStep(run, key), pane: 'detail', choseView: true })));
      }
      return only(state, { type: 'find', reference: word ?? 'last', ...(step === undefined ? {} : { step }) });
    },
  },
  attach: { usage: 'attach [RUN]', help: 'open a run by the end of its id, or the last', plain: runIds, run: (state, words) => only(state, { type: 'find', reference: words.plain[0] ?? 'last' }) },
  tail: { usage: 'tail [RUN]', help: 'the log of a run, followed', plain: runIds, options: [{ name: '--follow', short: '-f' }, { name: '--all' }, { name: '--filter', value: 'TERMS' }], inShell: ['--since', '--lines', '-n'], run: tail },
  runs: {
    usage: 'runs [TERMS]', help: 'the list of runs, narrowed: status=failed since=2d', plain: runTerms, inShell: ['--tree', '--limit', '-n'],
    options: [{ name: '--pipeline', value: 'KEY', choices: pipelineKeys }, { name: '--status', value: 'STATUS', choices: () => RunStatus.options }, { name: '--tag', value: 'TAG' }, { name: '--bookmarked' }, { name: '--search', value: 'WORDS' }],
    run: (state, words) => {
      const terms = [...words.plain.map(term), oneOf(words, '--status', RunStatus.options)?.replace(/^/, 'status='), ...['pipeline', 'tag'].map((field) => valueOf(words, `--${field}`)?.replace(/^.*$/s, (value) => term(`${field}=${value}`))), words.options.has('--bookmarked') ? 'bookmarked' : undefined, valueOf(words, '--search')];
      const closed = state.open ? closeRun(state) : only(state);
      const narrowed = filterRuns(closed.state, terms.filter((one) => one !== undefined).join(' '));
      return { state: narrowed.state, effects: [...closed.effects, ...narrowed.effects] };
    },
  },
  at: {
    usage: 'at TIME|STEP|end', help: 'the open run as it was: after 12.5s or 1m30s, at 40%, or when a step began', plain: (state) => ['end', ...stepDisplays(state)],
    run: (state, words) => {
      const [word] = words.plain;
      const playback = playbackOf(openRunOf(state));
      if (word === undefined || !playback) throw new UserError('usage', word === undefined ? 'at needs a time or a step' : 'the run has not begun');
      return only(withRun(state, (run) => playTo(run, momentNamed(state, word, playback))));
    },
  },
  export: {
    usage: 'export [RUN]', help: 'write a run as a trace to a file here', plain: runIds, options: [{ name: '--output', short: '-o', value: 'FILE' }, { name: '--format', value: 'FORMAT', choices: () => ['ndjson'] }], inShell: ['--schema'],
    run: (state, words) => {
      const { test_run_id: runId } = runOf(state, words.plain[0]);
      const fileName = valueOf(words, '--output') ?? `stepscope-${shortId(runId)}.ndjson`;
      const format = valueOf(words, '--format') ?? 'ndjson';
      if (format !== 'ndjson') throw new ShellOnly(`--format ${format} is written in a shell`);
      if (fileName === '-' || /[/\\]/.test(fileName)) throw new ShellOnly('here a file is written in the directory where the program was started');
      return only(told(state, 'Writing…'), { type: 'export', runId, fileName });
    },
  },
  filter: {
    usage: 'filter [TERMS]', help: 'filter the log, or the list of runs', isText: true,
    run: (state, { plain: [text = ''] }) => (state.open ? only(filtered(state, text)) : filterRuns(state, text)),
  },
  help: { usage: 'help', help: 'what every key does here', run: (state) => only(withOverlay(state, { type: 'help', query: '', cursor: 0 })) },
  quit: { usage: 'quit', help: 'leave; runs go on', run: (state) => only(state, { type: 'exit' }) },
};

/** What the command line has and this line cannot do, with why. */
export const elsewhere: Readonly<Record<string, string>> = {
  serve: 'it would be a backend of its own', backend: 'it would be a backend of its own', runner: 'it is a process that goes on by itself', doctor: 'it looks at this machine, not at runs',
  share: 'it writes a page for others', bookmark: '`m` does it here: in the steps for the run, in the log for a line', status: 'the first line here shows it', completion: 'it is for shells', connect: 'the backend is chosen when the program starts',
  login: 'the backend is chosen when the program starts', logout: 'the backend is chosen when the program starts', profiles: 'the backend is chosen when the program starts',
  replay: 'it runs the code of today in a process of its own', tests: 'they run in a process of their own', promote: 'its report is for a pipe', open: 'it shows a file, and this program shows a backend',
  import: 'it reads files', migrate: 'it changes a database', user: 'it asks for secrets', pipelines: 'its table is for a pipe; `N` here starts one', watch: 'the breakpoints (`breakpoints`) have the watches here',
  approvals: 'its table is for a pipe; here `approve` and `reject` answer the open run', keys: '`?` shows the keys here',
};

/** A moment of the open run: `end`, `40%`, `1m30s`, `12.5s`, `250ms`, or a step that has begun. */
function momentNamed(state: State, word: string, { from, to }: { readonly from: number; readonly to: number }): number {
  if (word === 'end') return to;
  const part = /^(\d+(?:\.\d+)?)%$/.exec(word);
  if (part) return from + ((to - from) * Number(part[1])) / 100;
  const time = /^(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/.exec(word);
  if (time && time[0] !== '') return from + Number(time[1] ?? 0) * 60_000 + Number(time[2] ?? 0) * 1_000 + Number(time[3] ?? 0);
  const { key, display } = stepNamed(state, word);
  const rows = [...(state.open!.playback?.recorded ?? state.open!.view).index.steps.values()].filter((row) => row.step_key === key && row.started_at !== null);
  if (rows.length === 0) throw new UserError('usage', `step ${display} has not begun`);
  return Math.min(...rows.map((row) => Date.parse(row.started_at!)));
}

/** A term of a filter as one word: quotes went when the line was split. */
function term(word: string): string {
  return /\s/.test(word) ? word.replace(/^([^\s=~:<>]*[=~:<>]+)?(.*)$/s, '$1"$2"') : word;
}

function filtered(state: State, text: string): State {
  return withRun(state, (run) => refilter({ ...run, pane: 'log' }, { filterText: text, filter: text === '' ? undefined : parseFilter(text), filtersOff: false }));
}

/** Terms of the list's filter as they begin; those with few values with each of them. */
function runTerms(state: State): readonly string[] {
  return [...RunStatus.options.map((status) => `status=${status}`), 'tag=', ...pipelineKeys(state).map((key) => `pipeline=${key}`), 'model=', 'step=', 'since=', 'until=', 'duration>', 'cost>', 'error~', 'bookmarked'];
}

function tail(state: State, words: Words): Update {
  const [word] = words.plain;
  if (words.options.has('--all')) {
    if (word !== undefined) throw new UserError('usage', '--all is of all runs', { hint: `\`tail --all --filter run=${word}\` narrows it` });
    const text = valueOf(words, '--filter') ?? '';
    return only(withScreen(state, { ...newLogsScreen(), filterText: text, filter: text.trim() === '' ? undefined : parseFilter(text) }));
  }
  const named = runNamed(state, word);
  const terms = valueOf(words, '--filter');
  if (state.open && (word === undefined || (named && isOpen(state, named)))) {
    const shown = withRun(state, (run) => ({ ...run, pane: 'log' as const, log: { ...run.log, follows: true, cursor: Math.max(run.log.matchFirst, run.log.matchCount - 1), frozenCount: run.log.matchCount } }));
    return only(terms === undefined ? shown : filtered(shown, terms));
  }
  if (terms !== undefined) throw new UserError('usage', 'that run is not open', { hint: `Open it first (show ${word ?? 'last'}), then \`filter ${terms}\`` });
  return only(state, { type: 'find', reference: word ?? 'last' });
}
