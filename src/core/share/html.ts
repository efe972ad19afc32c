import { printable } from '../format.ts';

/** Text that is markup. Only {@link html} makes it. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | null | undefined | false | readonly Part[];

/**
 * Markup of a template: what is written in the source stays as it is, and whatever is put in is text, so that nothing of a run
 * can become an element, an attribute or a script. Control and bidi characters are shown instead of obeyed.
 */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { markup: template.reduce((before, text, i) => before + markupOf(parts[i - 1]) + text) };
}

/** Markup that is written in our own sources. Never for anything that came from elsewhere. */
export function ownMarkup(markup: string): Html {
  return { markup };
}

function markupOf(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escaped(part);
  return 'markup' in part ? part.markup : part.map(markupOf).join('');
}

const references: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' };

function escaped(text: string): string {
  return printable(text, { multiline: true }).replaceAll(/[&<>"'`]/g, (character) => references[character]!);
}
