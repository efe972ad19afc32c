import { expect, it } from 'vitest';
import { asciiGlyphs, unicodeGlyphs } from './glyphs.ts';

it.each([['Unicode', unicodeGlyphs], ['ASCII', asciiGlyphs]])('no status looks like the cursor or the breakpoint beside it, in %s', (_, glyphs) => {
  const beside = [glyphs.cursor, glyphs.breakpoint];
  for (const [status, sign] of Object.entries(glyphs.status)) expect(beside, status).not.toContain(sign);
});
