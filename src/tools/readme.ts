import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keymap } from '../tui/keymap.ts';
import { recordForkAndComparison, takePicture } from './pictures.ts';

/*
 * Makes those parts of the README that the program itself knows best: the picture of the screen and the
 * recording of a fork and a comparison, taken from real runs in a real terminal, and the table of keys. With
 * `--check` it only says whether the table is up to date, for a picture is never twice the same.
 */

const root = join(import.meta.dirname, '../..');
const readme = join(root, 'README.md');

/** The dialogs say their few keys themselves, on their last line. */
const places = [
  ['anywhere', 'anywhere'],
  ['runs', 'list of runs'],
  ['run', 'a run'],
  ['steps', 'its steps'],
  ['log', 'its log'],
  ['logTree', 'data under a line'],
  ['detail', 'details'],
  ['diff', 'diff'],
  ['json', 'JSON'],
  ['playback', 'an earlier moment'],
  ['screen', 'all screens'],
  ['breakpoints', 'breakpoints and watches'],
  ['compare', 'comparison'],
  ['comparedStep', 'a step compared'],
  ['family', 'family of a run'],
  ['performance', 'times of a run'],
  ['watched', 'a watch along the steps'],
  ['marks', 'marked lines'],
] as const;

function keyTable(): string {
  const rows = places.flatMap(([place, title]) =>
    keymap
      .filter((binding) => binding.place === place)
      .map(
        ({ keys, help }, at) =>
          `| ${at === 0 ? title : ''} | ${keys.map((key) => `\`${key}\``).join(' ')} | ${help.replaceAll('|', '\\|')} |`,
      ),
  );
  return ['| where | key | what it does |', '|---|---|---|', ...rows].join('\n');
}

function withKeyTable(text: string): string {
  return text.replace(
    /(<!-- keys -->\n)[\s\S]*?(\n<!-- end of keys -->)/,
    (_, before: string, after: string) => before + keyTable() + after,
  );
}

const text = readFileSync(readme, 'utf8');
if (process.argv.includes('--check')) {
  if (withKeyTable(text) !== text) {
    console.error('The keys in README.md are not those of the program. Mend it with `npm run readme`.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(readme, withKeyTable(text));
  writeFileSync(join(root, 'fixtures/screen.svg'), await takePicture());
  writeFileSync(join(root, 'fixtures/fork.svg'), await recordForkAndComparison());
}
