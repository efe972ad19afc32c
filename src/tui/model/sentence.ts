/** A first word of its own, no name with signs in it, such as a path. */
const firstWord = /^(?:\p{Ll}[\p{Ll}']+|a)(?=[\s,.:;!?]|$)(?![.:]\S)/u;

/** The words of a failure as sentences for a person: what went wrong, then what to try. Keys, paths and names stay as they are. */
export function sentence(text: string, hint?: string): string {
  const whole = firstWord.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text;
  return hint === undefined ? whole : `${whole.replace(/[.:]?$/, '.')} ${hint}`;
}
