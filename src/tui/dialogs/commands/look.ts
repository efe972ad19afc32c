import { parseFilter } from '../../../core/filter.ts';
import { UserError } from '../../../protocol/error.ts';
import { RunStatus } from '../../../protocol/vocabulary.ts';
import { shortId } from '../../../core/format.ts';
import { refilter } from '../../actions/log.ts';
import type { State } from '../../state.ts';
import { closeRun } from '../../update/open-run.ts';
import { only, told, withOverlay, withRun, type Update } from '../../update/result.ts';
import type { Command } from './command.ts';
import { isOpen, runIds, runNamed, runOf } from './references.ts';
import { oneOf, valueOf, type Words } from './words.ts';

const themes = ['dark', 'light', 'high-contrast', 'mono'];

/** Commands that change what is shown. */
export const lookCommands: Readonly<Record<string, Command>> = {
  show: { usage: 'show [RUN]', help: 'open a run by the end of its id, or the last', plain: runIds, run: (state, words) => only(state, { type: 'find', reference: words.plain[0] ?? 'last' }) },
  attach: { usage: 'attach [RUN]', help: 'open a run by the end of its id, or the last', plain: runIds, run: (state, words) => only(state, { type: 'find', reference: words.plain[0] ?? 'last' }) },
  tail: { usage: 'tail [RUN]', help: 'the log of a run, followed', plain: runIds, options: [{ name: '--follow', short: '-f' }, { name: '--filter', value: 'TERMS' }], run: tail },
  runs: {
    usage: 'runs', help: 'the list of runs, narrowed',
    options: [{ name: '--status', value: 'STATUS', choices: () => RunStatus.options }, { name: '--tag', value: 'TAG' }, { name: '--bookmarked' }, { name: '--search', value: 'WORDS' }],
    run: (state, words) => {
      const terms = [oneOf(words, '--status', RunStatus.options)?.replace(/^/, 'status:'), valueOf(words, '--tag')?.replace(/^/, 'tag:'), words.options.has('--bookmarked') ? 'bookmarked' : undefined, valueOf(words, '--search')];
      const closed = state.open ? closeRun(state) : only(state);
      return { ...closed, state: { ...closed.state, home: { ...closed.state.home, filter: terms.filter((one) => one !== undefined).join(' '), top: 0 } } };
    },
  },
  export: {
    usage: 'export [RUN]', help: 'write a run as JSON to a file here', plain: runIds,
    run: (state, words) => {
      const { test_run_id: runId } = runOf(state, words.plain[0]);
      return only(told(state, 'Writing…'), { type: 'export', runId, fileName: `stepscope-${shortId(runId)}.json` });
    },
  },
  filter: {
    usage: 'filter [TERMS]', help: 'filter the log, or the list of runs', isText: true,
    run: (state, { plain: [text = ''] }) => only(state.open ? filtered(state, text) : { ...state, home: { ...state.home, filter: text } }),
  },
  theme: {
    usage: 'theme NAME', help: `other colours: ${themes.join(', ')}`, plain: () => themes,
    run: (state, { plain: [name = ''] }) => {
      if (!themes.includes(name)) throw new UserError('usage', `no theme "${name}"`, { hint: `There are ${themes.join(', ')}` });
      return only(state, { type: 'setTheme', name });
    },
  },
  help: { usage: 'help', help: 'what every key does here', run: (state) => only(withOverlay(state, { type: 'help', query: '', cursor: 0 })) },
  quit: { usage: 'quit', help: 'leave; runs go on', run: (state) => only(state, { type: 'exit' }) },
};

/** What the command line has and this line cannot do, with why. */
export const elsewhere: Readonly<Record<string, string>> = {
  serve: 'it would be a backend of its own', backend: 'it would be a backend of its own', runner: 'it is a process that goes on by itself', doctor: 'it looks at this machine, not at runs',
  status: 'the first line here shows it', completion: 'it is for shells', connect: 'the backend is chosen when the program starts',
};

function filtered(state: State, text: string): State {
  return withRun(state, (run) => refilter({ ...run, pane: 'log' }, { filterText: text, filter: text === '' ? undefined : parseFilter(text), filtersOff: false }));
}

function tail(state: State, words: Words): Update {
  const [word] = words.plain;
  const named = runNamed(state, word);
  const terms = valueOf(words, '--filter');
  if (state.open && (word === undefined || (named && isOpen(state, named)))) {
    const shown = withRun(state, (run) => ({ ...run, pane: 'log' as const, log: { ...run.log, follows: true, cursor: Math.max(0, run.log.matchCount - 1), frozenCount: run.log.matchCount } }));
    return only(terms === undefined ? shown : filtered(shown, terms));
  }
  if (terms !== undefined) throw new UserError('usage', 'that run is not open', { hint: `Open it first (show ${word ?? 'last'}), then \`filter ${terms}\`` });
  return only(state, { type: 'find', reference: word ?? 'last' });
}
