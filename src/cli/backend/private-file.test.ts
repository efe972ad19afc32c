import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysOf } from './keys.ts';
import { makePrivateFolder } from '../../storage/private-folder.ts';
import { writePrivateFile } from './private-file.ts';

let dataDir: string;
let umask: number;
beforeEach(() => {
  umask = process.umask(0);
  dataDir = join(mkdtempSync(join(tmpdir(), 'stepscope-private-')), 'data');
});
afterEach(() => process.umask(umask));

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('the data directory', () => {
  it('and its files are closed to others under any umask', () => {
    writePrivateFile(join(dataDir, 'backend.json'), { a: 1 });
    keysOf(dataDir);
    expect(modeOf(dataDir)).toBe('700');
    expect(readdirSync(dataDir).map((name) => `${name} ${modeOf(join(dataDir, name))}`)).toEqual(['backend.json 600', 'keys.json 600']);
  });

  it('is closed when it was open', () => {
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o755);
    makePrivateFolder(dataDir);
    expect(modeOf(dataDir)).toBe('700');
  });

  it('that cannot be one is refused in a sentence', () => {
    writeFileSync(dataDir, 'a file');
    expect(() => makePrivateFolder(dataDir)).toThrow(/cannot use the data directory .*: it is not a folder/);
  });

  it.each([
    ['where nothing can be made', '/proc/nobody/data', /nothing can be made there|read-only|not writable/],
    ['that belongs to others and holds their files', '/etc', /holds files of others|not writable/],
  ])('%s is refused at once and left as it was', (_, path, why) => {
    const before = statSync('/etc').mode;
    expect(() => makePrivateFolder(path)).toThrow(expect.objectContaining({ code: 'unavailable', message: expect.stringMatching(why) }));
    expect(statSync('/etc').mode).toBe(before);
  });

  it('behind links that lead in a circle is refused in a sentence', () => {
    symlinkSync(dataDir, dataDir);
    expect(() => makePrivateFolder(dataDir)).toThrow(/cannot use the data directory .*: its symbolic links lead in a circle/);
  });

  it('that was opened to others is closed again while it is ours', () => {
    keysOf(dataDir);
    chmodSync(dataDir, 0o755);
    makePrivateFolder(dataDir);
    expect(modeOf(dataDir)).toBe('700');
  });

  it('keeps its keys', () => {
    expect(keysOf(dataDir)).toEqual(keysOf(dataDir));
  });

  it('does not get new keys when the old ones cannot be read', () => {
    keysOf(dataDir);
    writeFileSync(join(dataDir, 'keys.json'), '{"publishableKey": 1}');
    expect(() => keysOf(dataDir)).toThrow(/cannot read the keys/);
    expect(readFileSync(join(dataDir, 'keys.json'), 'utf8')).toBe('{"publishableKey": 1}');
  });
});
