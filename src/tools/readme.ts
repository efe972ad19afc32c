import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readStateFile } from '../cli/backend/find-backend.ts';
import { keymap } from '../tui/keymap.ts';
import { screenAsSvg } from './svg.ts';
import { openScreen } from './terminal-screen.ts';

/*
 * Makes those parts of the README that the program itself knows best: the picture of the screen, taken from
 * a real run in a real terminal, and the table of keys. With `--check` it only says whether the table is up
 * to date, for a picture is never twice the same.
 */

const root = join(import.meta.dirname, '../..');
const readme = join(root, 'README.md');
const picture = join(root, 'fixtures/screen.svg');
const size = { columns: 110, rows: 32 } as const;

/** The dialogs say their few keys themselves, on their last line. */
const places = [
  ['anywhere', 'anywhere'],
  ['runs', 'list of runs'],
  ['run', 'a run'],
  ['steps', 'its steps'],
  ['log', 'its log'],
  ['detail', 'details'],
  ['diff', 'diff'],
  ['json', 'JSON'],
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

async function takePicture(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'stepscope-picture-'));
  const dataDir = join(home, 'data');
  const env = {
    ...process.env,
    NO_COLOR: undefined,
    COLORTERM: 'truecolor',
    STEPSCOPE_DATA_DIR: dataDir,
    XDG_CONFIG_HOME: join(home, 'config'),
  };
  const screen = openScreen({ command: process.execPath, args: [join(root, 'bin/stepscope.js')], ...size, env });
  const strokes: readonly (readonly [string, string | RegExp])[] = [
    ['N', 'New run'],
    ['\u001b[A\u001b[A\u001b[C', 'step by step'],
    ['\r', 'held before 1'],
    ['1', /1 +Load Model/],
    ['j'.repeat(23), /› +· 13 /],
    ['C', 'held before 13'],
    ['kd', /contentType[\s\S]*› ✔ 12 [\s\S]*Stored/],
  ];
  try {
    await screen.shows('No runs yet');
    for (const [keys, shows] of strokes) {
      screen.press(keys);
      await screen.shows(shows);
    }
    writeFileSync(picture, screenAsSvg(screen.styled(), size.columns, 'stepscope: a run held before step 13, with what step 12 changed'));
  } finally {
    screen.kill('SIGKILL');
    const backend = readStateFile(dataDir);
    if (backend) process.kill(backend.pid);
    rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

const text = readFileSync(readme, 'utf8');
if (process.argv.includes('--check')) {
  if (withKeyTable(text) !== text) {
    console.error('The keys in README.md are not those of the program. Mend it with `npm run readme`.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(readme, withKeyTable(text));
  await takePicture();
}
