import type { Form } from '../../overlay.ts';
import { textField, valueOf } from '../form.ts';
import type { Accepted, FormKind } from './table.ts';

/** Why what a run waits for is rejected. */
export function openRejectForm(title: string): Form {
  return { type: 'form', purpose: { kind: 'reject' }, title: `Reject: ${title}`, cursor: 0, problem: undefined, sent: false, fields: [textField('why', 'Reason', '', 'kept with the run')] };
}

export const rejectForm: FormKind = {
  accept: (_state, form): Accepted => {
    const why = valueOf(form.fields, 'why').trim();
    return why === '' ? { form: { ...form, problem: 'A rejection needs a reason: whoever waits wants to know.' } } : { command: { verb: 'reject', payload: { why } } };
  },
};
