import type { Form } from '../../overlay.ts';
import type { State } from '../../state.ts';
import type { Write } from '../../outside/writes.ts';
import type { CommandPayload, CommandVerb } from '../../../protocol/rows.ts';
import { breakpointForm } from './breakpoint.ts';
import { rejectForm } from './reject.ts';
import { saveComparisonForm } from './save-comparison.ts';
import { watchForm } from './watch.ts';

/** What Enter does with a form: writes it, sends a command to the open run, or says what is wrong with it. */
export type Accepted =
  | { readonly write: Write }
  | { readonly command: { readonly verb: CommandVerb; readonly payload: CommandPayload } }
  | { readonly form: Form };

/** How a form of one purpose behaves. */
export interface FormKind {
  /** The form after a change that other fields depend on. */
  readonly refresh?: ((state: State, form: Form) => Form) | undefined;
  readonly accept: (state: State, form: Form) => Accepted;
}

/** Every form of the program but that of a new run, by purpose. */
export const forms: Readonly<Record<Form['purpose']['kind'], FormKind>> = {
  breakpoint: breakpointForm,
  watch: watchForm,
  reject: rejectForm,
  saveComparison: saveComparisonForm,
};
