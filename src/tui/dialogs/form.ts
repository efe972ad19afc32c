import { graphemes } from '../graphemes.ts';
import type { Field } from '../overlay.ts';

/** A field to type into. */
export function textField(name: string, label: string, value: string, hint?: string): Field {
  return { name, label, value, choices: undefined, hint, problem: undefined };
}

/** A field with a few values, one of them taken. */
export function choiceField(name: string, label: string, value: string, choices: readonly string[], hint?: string): Field {
  return { name, label, value, choices, hint, problem: undefined };
}

/** The field after a key: text is typed at its end, a choice moves to its neighbour. */
export function editField(field: Field, change: { readonly type: 'insert'; readonly text: string } | { readonly type: 'erase' | 'clear' | 'next' | 'previous' }): Field {
  const value = changed(field, change);
  return value === field.value ? field : { ...field, value, problem: undefined };
}

function changed(field: Field, change: Parameters<typeof editField>[1]): string {
  if (field.choices) {
    if (change.type !== 'next' && change.type !== 'previous' && !(change.type === 'insert' && change.text === ' ')) return field.value;
    const at = field.choices.indexOf(field.value);
    const by = change.type === 'previous' ? -1 : 1;
    return field.choices[(at + by + field.choices.length) % field.choices.length] ?? field.value;
  }
  switch (change.type) {
    case 'insert':
      return field.value + change.text.replaceAll('\n', ' ');
    case 'erase':
      return graphemes(field.value).slice(0, -1).join('');
    case 'clear':
      return '';
    case 'next':
    case 'previous':
      return field.value;
  }
}

export function valueOf(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name === name)?.value ?? '';
}
