import { z } from 'zod';

/** What a piece of the screen means. Views name these; only a theme knows colours. Nothing that is read is `faint`: it is for rules and empty bars. */
const tokens = [
  'text', 'muted', 'faint', 'accent', 'heading', 'key', 'selection',
  'pending', 'held', 'running', 'completed', 'failed', 'skipped', 'reused', 'cancelled',
  'debug', 'info', 'warn', 'error', 'critical',
  'badgeTest', 'badgeEdited', 'badgeReadOnly', 'match', 'highlight',
  'added', 'removed', 'changed',
  'jsonKey', 'string', 'number', 'keyword', 'comment', 'function', 'type',
] as const;
export type Token = (typeof tokens)[number];

const Color = z.string().regex(/^#[0-9a-f]{6}$|^(black|red|green|yellow|blue|magenta|cyan|white)(Bright)?$/i, 'a colour is #rrggbb or a name such as "red" or "blueBright"');

export const TokenStyle = z.strictObject({
  color: Color.optional(),
  background: Color.optional(),
  bold: z.boolean().optional(),
  dim: z.boolean().optional(),
  italic: z.boolean().optional(),
  underline: z.boolean().optional(),
  inverse: z.boolean().optional(),
});
export type TokenStyle = z.infer<typeof TokenStyle>;

/** A style for every token, so that no screen falls back to something unreadable. */
export interface Theme {
  readonly name: string;
  readonly about: string;
  readonly tokens: Readonly<Record<Token, TokenStyle>>;
}

export const tokenNames: readonly Token[] = tokens;

/** A theme as a file has it. With `extends` it says only what differs. */
export const ThemeFile = z.strictObject({
  name: z.string().optional(),
  about: z.string().optional(),
  extends: z.string().optional(),
  tokens: z.record(z.string(), TokenStyle),
});
export type ThemeFile = z.infer<typeof ThemeFile>;
