import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { keepOutput } from './kept-output.ts';

it('keeps what others write while the screen is ours, and says it afterwards', async () => {
  let said = '';
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      said += chunk;
      done();
    },
  }) as unknown as NodeJS.WriteStream;
  const kept = keepOutput([stream]);
  stream.write('a warning\n');
  // Whoever waits until it is written does not wait for the screen.
  await new Promise<void>((resolve) => stream.write(Buffer.from('another one\n'), () => resolve()));
  expect(said).toBe('');
  kept.release();
  kept.release();
  expect(said).toBe('a warning\nanother one\n');
  stream.write('as before');
  expect(said).toBe('a warning\nanother one\nas before');

  const full = keepOutput([stream]);
  said = '';
  for (let count = 0; count < 100; count += 1) stream.write('x'.repeat(1_000));
  stream.write('the last');
  full.release();
  expect(said.length).toBe(64 * 1024);
  expect(said.endsWith('the last')).toBe(true);
});
