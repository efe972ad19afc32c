import { Argument } from 'commander';
import type { Command } from 'commander';
import { onCall } from '../call.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** Prints a completion script: commands first, then the flags of the command that stands there. */
export function addCompletionCommand(program: Command): void {
  const command = program
    .command('completion')
    .summary('Prints a completion script for bash, zsh or fish.')
    .description('Prints a completion script; put `eval "$(stepscope completion bash)"` into your shell\'s start file.')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells));
  onCall(command, async ({ args, io }) => {
    const words = wordsOf(program);
    io.out(args[0] === 'fish' ? fishScript(words) : bashScript(words, args[0] === 'zsh'));
  });
}

/** What may follow: by command the words of its own, under the empty name those of the program. */
function wordsOf(program: Command): ReadonlyMap<string, readonly string[]> {
  const help = program.createHelp();
  const flags = (command: Command): readonly string[] => help.visibleOptions(command).flatMap((option) => option.long ?? []);
  const commands = help.visibleCommands(program).filter((command) => command.name() !== 'help');
  return new Map([
    ['', [...commands.map((command) => command.name()), ...flags(program)]],
    ...commands.map((command) => [command.name(), [...command.commands.map((sub) => sub.name()), ...flags(command), ...flags(program)]] as const),
  ]);
}

function bashScript(words: ReadonlyMap<string, readonly string[]>, isZsh: boolean): string {
  const cases = [...words].filter(([name]) => name !== '').map(([name, own]) => `    ${name}) words="${own.join(' ')}" ;;`);
  return [
    ...(isZsh ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_stepscope() {',
    `  local words="${words.get('')!.join(' ')}"`,
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    '  esac',
    '  [ "$COMP_CWORD" -eq 1 ] && words="' + words.get('')!.join(' ') + '"',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _stepscope stepscope',
  ].join('\n');
}

function fishScript(words: ReadonlyMap<string, readonly string[]>): string {
  return [...words]
    .map(([name, own]) => `complete -c stepscope -n '${name === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${name}`}' -a '${own.join(' ')}'`)
    .join('\n');
}
