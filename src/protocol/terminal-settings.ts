import { z } from 'zod';
import { limits } from './limits.ts';

/** Own keys by action, `log.nextError`, or in one place only, `log:log.freeze`. An empty list leaves the action without a key. */
export const KeyBindings = z.record(z.string(), z.array(z.string()).max(8));
export type KeyBindings = z.infer<typeof KeyBindings>;

export const timeFormats = ['elapsed', 'absolute', 'relative'] as const;
export const colorChoices = ['auto', 'none', '16', '256', 'full'] as const;

/** The fields of {@link TerminalConfig}, for the config file, which has more. */
export const terminalFields = {
  theme: z.string().optional(),
  keys: z.strictObject({ preset: z.string().optional(), bindings: KeyBindings.optional() }).optional(),
  ascii: z.boolean().optional(),
  colors: z.enum(colorChoices).optional(),
  timeFormat: z.enum(timeFormats).optional(),
  lowBandwidth: z.boolean().optional(),
  showBytes: z.boolean().optional(),
  screenReader: z.boolean().optional(),
  logLines: z.int().min(limits.fewestLogLines).max(limits.mostLogLines).optional(),
};

/** The part of the config file that is about the terminal. Everything may be left out. */
export const TerminalConfig = z.strictObject(terminalFields);
export type TerminalConfig = z.infer<typeof TerminalConfig>;
