import { shortId } from '../../../core/format.ts';
import type { Form } from '../../overlay.ts';
import { textField, valueOf } from '../form.ts';
import type { Accepted, FormKind } from './table.ts';

/** Under what name a comparison is kept. */
export function openSaveComparison(runIds: readonly string[], ignoreVolatile: boolean): Form {
  return {
    type: 'form', purpose: { kind: 'saveComparison', runIds, ignoreVolatile }, title: 'Keep this comparison', cursor: 0, problem: undefined, sent: false,
    fields: [textField('name', 'Name', runIds.map(shortId).join(' and '), 'what it shows')],
  };
}

export const saveComparisonForm: FormKind = {
  accept: (_state, form): Accepted => {
    if (form.purpose.kind !== 'saveComparison') return { form };
    const { runIds, ignoreVolatile } = form.purpose;
    const name = valueOf(form.fields, 'name').trim();
    return name === '' ? { form: { ...form, problem: 'A name is needed.' } } : { write: { kind: 'saveComparison', name, runIds, ignoreVolatile } };
  },
};
