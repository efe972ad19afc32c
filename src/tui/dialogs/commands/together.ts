import { shortId } from '../../../core/format.ts';
import { UserError } from '../../../protocol/error.ts';
import { selectedStep } from '../../model/steps.ts';
import { withScreen } from '../../screens/screen.ts';
import { newSessionsScreen } from '../../screens/sessions.ts';
import { follow } from '../../update/together.ts';
import { only, told } from '../../update/result.ts';
import type { State } from '../../state.ts';
import type { Update } from '../../update/result.ts';
import type { Command } from './command.ts';
import { ShellOnly } from './words.ts';
import { knownOr, mayChange, openRunOf, stepNamed } from './references.ts';

const deeds = ['list', 'start', 'join', 'follow', 'leave', 'end'] as const;

/** Commands for looking at a run with others, and for talking about it. */
export const togetherCommands: Readonly<Record<string, Command>> = {
  session: {
    usage: 'session list|start|join|follow|leave|end', help: 'look at a run together with others', plain: () => deeds, options: [{ name: '--name', value: 'NAME' }], inShell: ['--all', '-a'],
    run: (state, { plain: [deed = 'join', ...rest], options }) => {
      if (state.recording !== undefined) throw new UserError('usage', 'a recording has no sessions');
      const inOne = (): void => {
        if (!state.together) throw new UserError('usage', 'you are in no session', { hint: '`session join` joins one, `session start` begins one' });
      };
      switch (deed) {
        case 'list':
          return only(withScreen(state, newSessionsScreen()));
        case 'start': {
          mayChange(state);
          const { runId } = openRunOf(state);
          return only(told(state, 'Beginning the session…'), { type: 'startSession', runId, name: options.get('--name')?.[0] ?? (rest.join(' ') || undefined) });
        }
        case 'join':
          return only(told(state, 'Joining the session…'), { type: 'joinSession', reference: rest[0] ?? state.open?.runId ?? 'last' });
        case 'follow':
          return follow(state);
        case 'leave':
          inOne();
          return only(state, { type: 'leaveSession', end: false });
        case 'end':
          inOne();
          mayChange(state);
          return only(state, { type: 'leaveSession', end: true });
        default:
          throw new UserError('usage', `a session can ${deeds.join(', ')}, not ${deed}`);
      }
    },
  },
  comment: {
    usage: 'comment TEXT', help: 'say something about the selected step; `comment run: TEXT` about the run', isText: true,
    run: (state, { plain: [text = ''] }) => {
      mayChange(state);
      const run = openRunOf(state);
      if (/^(?:\S+\s+)?--?(?:step|s|log|path|resolve|reopen)[\s=]/.test(text)) throw new ShellOnly('options of a comment are for a shell; here `comment 8e: TEXT` is about a step');
      // `comment RUN TEXT`, as on the command line: the id of this run is not what is said.
      const [first = '', rest = ''] = [/^\S+/.exec(text)?.[0], /^\S+\s+(.*)$/s.exec(text)?.[1]];
      if (rest !== '' && (first === run.runId || first === shortId(run.runId))) return saying(state, run.runId, undefined, rest);
      const [, about, body = text] = /^(\S+):\s+(.*)$/s.exec(text) ?? [];
      const isOfRun = about?.toLowerCase() === 'run';
      // `8e: why so slow` is about 8e; a first word that only happens to have a colon is what is said.
      const named = about === undefined || isOfRun ? undefined : knownOr(() => stepNamed(state, about), undefined);
      const words = isOfRun || named ? body : text;
      if (words.trim() === '') throw new UserError('usage', 'a comment says something', { hint: `comment TEXT, about ${selectedStep(run)?.display ?? 'the run'} of ${shortId(run.runId)}` });
      return saying(state, run.runId, isOfRun ? undefined : (named?.key ?? run.selected), words);
    },
  },
};

function saying(state: State, runId: string, stepKey: string | undefined, body: string): Update {
  return only(told(state, 'Saying it…'), { type: 'write', write: { kind: 'comment', runId, stepKey, body } });
}
