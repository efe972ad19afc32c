/** The words of a failure as sentences for a person: what went wrong, then what to try. */
export function sentence(text: string, hint?: string): string {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return hint === undefined ? whole : `${whole.replace(/[.:]?$/, '.')} ${hint}`;
}
