import { describe, expect, it } from 'vitest';
import type { ShownPicture } from '../outside/pictures.ts';
import type { Question } from '../outside/questions.ts';
import { picturesOf } from '../pictures/on-screen.ts';
import { drawPicture } from '../pictures/picture-job.ts';
import { encodePng } from '../pictures/png.ts';
import { keys, openTerminal, opened, runId, runRow, snapshotOf, stepRow, type TestTerminal } from '../testing.tsx';
import { answerAll } from './testing.ts';

const file = encodePng({ width: 64, height: 48, rgba: Uint8Array.from({ length: 64 * 48 * 4 }, (_, at) => (at % 4 === 3 ? 255 : at % 4 === 0 ? (at >> 2) % 64 * 4 : 90)) });
const files = { files: [{ path: 'outputs/service/j1/0.png', contentType: 'image/png' }, { path: 'outputs/service/j1/1.png', contentType: 'image/png' }], preview: 'https://provider.example.test/out-0.png' };

/** At the upload, whose outputs have been read. */
function atUpload(options: Parameters<typeof openTerminal>[0] = {}, outputs: typeof files | { readonly files: number } = files): TestTerminal {
  const steps = ['load_model', 'prepare_inputs', 'validate_inputs', 'call_edge_function', 'storage_upload'].map((key) => stepRow(key));
  const terminal = openTerminal(options, ...opened(runRow({ status: 'completed', completed_steps: 6 }), ...steps));
  terminal.send(snapshotOf('storage_upload', { outputs: outputs as never }));
  expect(terminal.state().open?.selected).toBe('storage_upload');
  return terminal;
}

type PictureQuestion = Extract<Question, { kind: 'picture' }>;

const asked = (terminal: TestTerminal): readonly PictureQuestion[] => terminal.effects.flatMap((effect) => (effect.type === 'ask' && effect.question.kind === 'picture' ? [effect.question] : []));

/** Answers the last question as the outside does. */
async function draw(terminal: TestTerminal): Promise<void> {
  const question = asked(terminal).at(-1)!;
  const answer: ShownPicture = { ...(await drawPicture({ file, style: question.style, room: question.room })), bytes: file.length };
  terminal.send({ type: 'answered', question, outcome: { answer } });
}

describe('the picture of a step', () => {
  it('is shown as half blocks with what is known of it', async () => {
    const terminal = atUpload();
    terminal.press('I');
    expect(terminal.screen()).toContain('1 of 3: outputs /files/0/path of 5 Storage Upload  Loading…');
    await draw(terminal);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " picture of 5 Storage Upload                                               live
       1 of 3: outputs /files/0/path of 5 Storage Upload
      › 64×48 pixels, PNG, 375 B  SHA-256 7884425d6abd87db
        the storage, outputs/service/j1/0.png
        as half blocks
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
       ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀

       ] next  [ previous  y copy address  Y write file  / search      ? help  q back"
    `);
    expect(terminal.painted()).toContain('\u001b[38;2;');
    expect(picturesOf(terminal.state())).toEqual([]);
  });

  it('has its facts beside it where there is room, and shades without colours', async () => {
    const terminal = atUpload({ size: { columns: 110, rows: 30 }, ascii: true });
    terminal.press('I');
    await draw(terminal);
    expect(terminal.screen()).toMatchInlineSnapshot(`
      " picture of 5 Storage Upload                                                                             live
       1 of 3: outputs /files/0/path of 5 Storage Upload
      > picture                              ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          64x48 pixels, PNG                  ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
        file                                 ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          375 B                              ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
        SHA-256                              ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          7884425d6abd87db52368d1f2f714f     ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          26e753507ffb81f992a79dc37ff983     ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          ac5f                               ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
        lies in                              ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          the storage, outputs/service/j     ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          1/0.png                            ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
        value                                ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          outputs /files/0/path              ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
        shown as                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
          shades of text                     ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@
                                             ....''''\`\`\`\`\`,,,,:::::;;;;;----~~~~+++++=====****ooooo%%%%####@@@

       ] next  [ previous  y copy address  Y write file  / search                                    ? help  q back"
    `);
  });

  it('is drawn by a terminal that can, within its cells and never over other text', async () => {
    const terminal = atUpload({ picturesAs: 'kitty' });
    terminal.press('I');
    expect(picturesOf(terminal.state())).toEqual([]);
    await draw(terminal);
    const [picture] = picturesOf(terminal.state());
    expect(picture).toMatchObject({ row: 5, column: 1, rows: 17, columns: 45 });
    expect(picture!.bytes.startsWith('\u001b_Ga=T,f=100,')).toBe(true);
    expect(picture!.erase).toContain('a=d');
    for (const row of terminal.screen().split('\n').slice(picture!.row, picture!.row + picture!.rows)) expect(row.trim().replace('›', '')).toBe('');
    terminal.press('?');
    expect(picturesOf(terminal.state())).toEqual([]);
    terminal.press(keys.esc, ':');
    expect(picturesOf(terminal.state())).toHaveLength(1);
    terminal.press(keys.esc, 'q');
    expect(picturesOf(terminal.state())).toEqual([]);
  });

  it('is asked for in the size of the screen, one size at a time', async () => {
    const terminal = atUpload();
    terminal.press('I');
    terminal.send({ type: 'resized', columns: 90, rows: 30 }, { type: 'resized', columns: 120, rows: 40 });
    expect(asked(terminal)).toHaveLength(1);
    await draw(terminal);
    expect(asked(terminal).map(({ room }) => room)).toEqual([{ columns: 79, rows: 17 }, { columns: 85, rows: 36 }]);
    // The one there is does meanwhile.
    expect(terminal.screen()).toContain('▀▀▀▀▀▀▀▀');
  });

  it('is not loaded from elsewhere before a person says so', () => {
    const terminal = atUpload();
    terminal.press('I', ']');
    answerAll(terminal, () => ({ problem: 'The file is gone.' }));
    terminal.press(']');
    expect(terminal.screen()).toContain('It lies at provider.example.test, not in the backend. Enter loads it.');
    expect(asked(terminal).some(({ at }) => at.kind === 'url')).toBe(false);
    terminal.press('Y');
    expect(terminal.screen()).toContain('Enter loads it first');
    terminal.press(keys.enter);
    expect(asked(terminal).at(-1)?.at).toEqual({ kind: 'url', address: files.preview });
    terminal.press(']');
    expect(terminal.screen()).toContain('This is the last picture.');
  });

  it('waits for a step that is still being read', () => {
    const steps = ['load_model', 'storage_upload'].map((key) => stepRow(key));
    const terminal = openTerminal({}, ...opened(runRow({ status: 'completed', completed_steps: 6 }), ...steps));
    terminal.press('I');
    expect(terminal.screen()).toContain('Reading 5 Storage Upload…');
    terminal.press('y', ']');
    expect(terminal.screen()).toContain('There is no picture here yet.');
    const snapshot = { stepKey: 'storage_upload', attempt: 1, inputs: {}, outputs: files as never, stateBefore: null, stateAfter: null, source: null, isEdited: false };
    terminal.send({ type: 'answered', question: { kind: 'snapshot', runId, stepKey: 'storage_upload', attempt: 1 }, outcome: { answer: snapshot } });
    expect(terminal.screen()).toContain('1 of 3: outputs /files/0/path of 5 Storage Upload  Loading…');
    const none = openTerminal({}, ...opened(runRow({ status: 'completed', completed_steps: 6 }), ...steps));
    none.press('I');
    answerAll(none, () => null);
    expect(none.screen()).toContain('✘ No value of 5 Storage Upload is the address of a picture.');
  });

  it('says why it cannot be shown, can be copied and written, and drawn in another way', async () => {
    const terminal = atUpload();
    terminal.press('I');
    answerAll(terminal, () => ({ problem: 'it is no picture but JSON text that begins "{}".' }));
    expect(terminal.screen()).toContain('✘ it is no picture but JSON text');
    terminal.press('y', 'Y');
    expect(terminal.effects.slice(-2)).toMatchObject([
      { type: 'copy', text: 'outputs/service/j1/0.png' },
      { type: 'write', write: { kind: 'picture', at: { kind: 'storage', address: 'outputs/service/j1/0.png' }, name: 'stepscope-0.png' } },
    ]);
    terminal.press(':', 'picture sixel', keys.enter);
    expect(terminal.screen()).toContain('Pictures are drawn as sixel graphics.');
    expect(asked(terminal).at(-1)?.style).toBe('sixel');
    await draw(terminal);
    terminal.later(10_000);
    expect(picturesOf(terminal.state())[0]?.bytes).toContain('\u001bP0;1;0q');
  });

  it('is opened from the value that names it, and missed in words', () => {
    const terminal = atUpload({ size: { columns: 80, rows: 30 } });
    terminal.press('4');
    // Files and their two objects stand above it.
    terminal.press('e', 'j', 'j', 'j', 'j', 'j', keys.enter);
    expect(terminal.screen()).toContain('2 of 3: outputs /files/1/path of 5 Storage Upload');
    const without = atUpload({}, { files: 0 });
    without.press('I');
    expect(without.screen()).toContain('No value of 5 Storage Upload is the address of a picture.');
  });
});
