import type { KeyBindings } from '../../../protocol/terminal-settings.ts';

/** Keys as the hands of another tool expect them, on top of the table. What it leaves out keeps its keys. */
export interface Preset {
  readonly about: string;
  readonly bindings: KeyBindings;
}
