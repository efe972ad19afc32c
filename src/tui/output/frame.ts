import type { Picture } from './picture.ts';

/** Everything that stands on the screen at one moment. */
export interface Frame {
  /** From the top; text with SGR sequences and nothing else. A row that is missing or shorter is blank from there on. */
  readonly rows: readonly string[];
  readonly pictures: readonly Picture[];
}
