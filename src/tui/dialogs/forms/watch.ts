import { parseExpression } from '../../../core/expression.ts';
import type { Form } from '../../overlay.ts';
import { textField, valueOf } from '../form.ts';
import { expressionProblem } from './expression-problem.ts';
import type { Accepted, FormKind } from './table.ts';

/** The form of a new watch. */
export function openWatchForm(pipelineKey: string, expression = ''): Form {
  return {
    type: 'form', purpose: { kind: 'watch', pipelineKey }, title: `New watch of ${pipelineKey}`, cursor: 0, problem: undefined, sent: false,
    fields: [textField('expression', 'Show', expression, 'outputs.width, size(state.images), inputs.prompt.contains("dusk")')],
  };
}

export const watchForm: FormKind = {
  accept: (_state, form): Accepted => {
    if (form.purpose.kind !== 'watch') return { form };
    const expression = valueOf(form.fields, 'expression').trim();
    const problem = expressionProblem(() => parseExpression(expression));
    return problem === undefined ? { write: { kind: 'addWatch', pipelineKey: form.purpose.pipelineKey, expression } } : { form: { ...form, problem } };
  },
};
